#include "src/lock/store_url.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "src/etcd/client/client.h"
#include "src/etcd/client/client_options.h"
#include "src/lock/etcd_backend.h"
#include "src/lock/record_backend.h"
#include "src/store/memory_store.h"
#include "src/store/sqlite_store.h"

namespace monopod::lock {
namespace {

constexpr std::string_view kMemory = "memory:";
constexpr std::string_view kSqlite = "sqlite:";
constexpr std::string_view kAvailable =
    "this build has sqlite:PATH, etcd://HOST:PORT[,...][/PREFIX] (etcds:// for TLS) and memory:";

std::string Variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): documented
  return value == nullptr ? "" : value;
}

Result<StoreUrl> DefaultStoreUrl() {
  if (!Variable("KUBERNETES_SERVICE_HOST").empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("in a pod the default store is lease:, which this build does not have; "
                            "a local file would not exclude other pods. Name a store with --store "
                            "or MONOPOD_STORE ({})",
                            kAvailable));
  }
  StoreUrl url{.kind = StoreUrl::Kind::kSqlite, .is_default = true};
  // Root's path does not depend on the environment: two of its shells must meet.
  if (geteuid() == 0) {
    url.path = "/var/lib/monopod/monopod.db";
    return url;
  }
  std::string state = Variable("XDG_STATE_HOME");
  if (!state.starts_with('/')) {
    const std::string home = Variable("HOME");
    if (!home.starts_with('/')) {
      return Fail(ErrorCode::kInvalidArgument,
                  "no default store: neither XDG_STATE_HOME nor HOME is an absolute path; name a "
                  "store with --store or MONOPOD_STORE");
    }
    state = home + "/.local/state";
  }
  url.path = state + "/monopod/monopod.db";
  return url;
}

}  // namespace

std::string StoreUrl::ToString() const {
  switch (kind) {
    case Kind::kMemory: return std::string(kMemory);
    case Kind::kSqlite: return fmt::format("{}{}", kSqlite, path);
    case Kind::kEtcd: return path;
  }
  return {};
}

Result<StoreUrl> ParseStoreUrl(std::string_view text) {
  if (text.empty()) return DefaultStoreUrl();
  if (etcd::IsEtcdUrl(text)) {
    return StoreUrl{.kind = StoreUrl::Kind::kEtcd, .path = std::string(text)};
  }
  if (text == kMemory) return StoreUrl{.kind = StoreUrl::Kind::kMemory};
  if (text.starts_with(kMemory)) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("the store \"{}\" is not understood: nothing follows memory:", text));
  }
  if (text.starts_with(kSqlite)) {
    const std::string_view path = text.substr(kSqlite.size());
    if (path.empty() || path.find('\0') != std::string_view::npos) {
      return Fail(ErrorCode::kInvalidArgument,
                  "the store \"sqlite:\" needs the path of a file, for example "
                  "sqlite:/var/lib/monopod/monopod.db");
    }
    // Absolute, since the command that runs under the lock may look at it from elsewhere.
    std::error_code failed;
    const std::filesystem::path absolute = std::filesystem::absolute(path, failed);
    return StoreUrl{.kind = StoreUrl::Kind::kSqlite,
                    .path = failed ? std::string(path) : absolute.string()};
  }
  return Fail(ErrorCode::kInvalidArgument,
              fmt::format("the store \"{}\" is not understood: {}", text, kAvailable));
}

Result<OpenedStore> OpenStore(const StoreUrl& url, const EtcdLogin& login,
                              std::chrono::nanoseconds timeout) {
  switch (url.kind) {
    case StoreUrl::Kind::kMemory:
      return OpenedStore{
          .backend = std::make_shared<RecordBackend>(std::make_shared<store::MemoryStore>()),
          .url = url.ToString(),
          .scope = "this process only"};
    case StoreUrl::Kind::kSqlite: {
      store::SqliteStoreOptions options{.path = url.path, .create_parents = url.is_default};
      options.open_timeout =
          std::min(options.open_timeout, std::chrono::ceil<std::chrono::milliseconds>(timeout));
      auto opened = store::SqliteStore::Open(options);
      if (!opened) return Fail(std::move(opened.error()));
      return OpenedStore{.backend = std::make_shared<RecordBackend>(std::move(*opened)),
                         .url = url.ToString(),
                         .scope = "this machine only"};
    }
    case StoreUrl::Kind::kEtcd: {
      const etcd::ClientFlags flags{.cacert = login.cacert,
                                    .cert = login.cert,
                                    .key = login.key,
                                    .user = login.user,
                                    .password = login.password,
                                    .password_file = login.password_file};
      auto options = etcd::Resolve(url.path, flags, etcd::ProcessEnvironment());
      if (!options) return Fail(std::move(options.error()));
      auto store = std::make_shared<EtcdStore>(etcd::MakeClient(*options), options->prefix);
      return OpenedStore{.backend = std::make_shared<EtcdBackend>(std::move(store)),
                         .url = options->Url(),
                         .scope = "whoever uses this etcd cluster"};
    }
  }
  return Fail(ErrorCode::kInternal, "unknown kind of store");
}

}  // namespace monopod::lock
