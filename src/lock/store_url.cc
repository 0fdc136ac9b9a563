#include "src/lock/store_url.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "src/base/lock_name.h"
#include "src/etcd/client/client.h"
#include "src/etcd/client/client_options.h"
#include "src/kube/client/access.h"
#include "src/kube/client/client.h"
#include "src/kube/kube_store.h"
#include "src/lock/etcd_backend.h"
#include "src/lock/record_backend.h"
#include "src/store/memory_store.h"
#include "src/store/sqlite_store.h"

namespace monopod::lock {
namespace {

constexpr std::string_view kMemory = "memory:";
constexpr std::string_view kSqlite = "sqlite:";
constexpr std::string_view kLease = "lease:";
constexpr std::string_view kConfigMap = "configmap:";
constexpr std::string_view kAvailable =
    "this build has lease:[NAMESPACE], configmap:[NAMESPACE], etcd://HOST:PORT[,...][/PREFIX] "
    "(etcds:// for TLS), sqlite:PATH and memory:";

std::string Variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): documented
  return value == nullptr ? "" : value;
}

Result<StoreUrl> DefaultStoreUrl() {
  if (!Variable("KUBERNETES_SERVICE_HOST").empty()) {
    return StoreUrl{.kind = StoreUrl::Kind::kLease, .path = {}, .is_default = true};
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

// A namespace's name is an RFC 1123 label.
Result<StoreUrl> InNamespace(StoreUrl::Kind kind, std::string_view name) {
  if (!name.empty() && (name.size() > 63 || name.find('.') != std::string_view::npos ||
                        !CheckLockName(name).has_value())) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("\"{}\" is no name of a namespace: lower-case letters, digits and "
                            "hyphens, at most 63, a letter or digit at both ends",
                            name));
  }
  return StoreUrl{.kind = kind, .path = std::string(name)};
}

Result<OpenedStore> OpenSqlite(const StoreUrl& url, std::chrono::nanoseconds timeout) {
  store::SqliteStoreOptions options{.path = url.path, .create_parents = url.is_default};
  options.open_timeout =
      std::min(options.open_timeout, std::chrono::ceil<std::chrono::milliseconds>(timeout));
  auto opened = store::SqliteStore::Open(options);
  if (!opened) return Fail(std::move(opened.error()));
  return OpenedStore{.backend = std::make_shared<RecordBackend>(std::move(*opened)),
                     .url = url.ToString(),
                     .scope = "this machine only"};
}

Result<OpenedStore> OpenEtcd(const StoreUrl& url, const EtcdLogin& login) {
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

Result<OpenedStore> OpenKubernetes(const StoreUrl& url, const KubernetesLogin& login) {
  if (!url.path.empty() && !login.namespace_.empty() && url.path != login.namespace_) {
    return Fail(
        ErrorCode::kInvalidArgument,
        fmt::format("two namespaces are named: \"{}\" in the store's URL and \"{}\" beside it",
                    url.path, login.namespace_));
  }
  auto access = kube::ResolveAccess({.kubeconfig = login.kubeconfig,
                                     .context = login.context,
                                     .namespace_ = url.path.empty() ? login.namespace_ : url.path},
                                    Variable);
  if (!access) return Fail(std::move(access.error()));
  StoreUrl full = url;
  full.path = access->namespace_;
  std::string scope = fmt::format("whoever uses the namespace {} of {} ({})", access->namespace_,
                                  access->server, access->origin);
  auto store = std::make_shared<kube::KubeStore>(kube::KubeStoreOptions{
      .api = kube::MakeClient(*std::move(access)),
      .kind = url.kind == StoreUrl::Kind::kLease ? kube::ObjectKind::kLease
                                                 : kube::ObjectKind::kConfigMap,
      .namespace_ = full.path,
      .all_namespaces = login.all_namespaces});
  return OpenedStore{.backend = std::make_shared<RecordBackend>(std::move(store)),
                     .url = full.ToString(),
                     .scope = std::move(scope),
                     .limits = url.limits()};
}

}  // namespace

std::string StoreUrl::ToString() const {
  switch (kind) {
    case Kind::kMemory: return std::string(kMemory);
    case Kind::kSqlite: return fmt::format("{}{}", kSqlite, path);
    case Kind::kEtcd: return path;
    case Kind::kLease: return fmt::format("{}{}", kLease, path);
    case Kind::kConfigMap: return fmt::format("{}{}", kConfigMap, path);
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
  if (text.starts_with(kLease)) {
    return InNamespace(StoreUrl::Kind::kLease, text.substr(kLease.size()));
  }
  if (text.starts_with(kConfigMap)) {
    return InNamespace(StoreUrl::Kind::kConfigMap, text.substr(kConfigMap.size()));
  }
  return Fail(ErrorCode::kInvalidArgument,
              fmt::format("the store \"{}\" is not understood: {}", text, kAvailable));
}

Result<OpenedStore> OpenStore(const StoreUrl& url, const ClientOptions& options) {
  switch (url.kind) {
    case StoreUrl::Kind::kMemory:
      return OpenedStore{
          .backend = std::make_shared<RecordBackend>(std::make_shared<store::MemoryStore>()),
          .url = url.ToString(),
          .scope = "this process only"};
    case StoreUrl::Kind::kSqlite: return OpenSqlite(url, options.store_timeout);
    case StoreUrl::Kind::kEtcd: return OpenEtcd(url, options.etcd);
    case StoreUrl::Kind::kLease:
    case StoreUrl::Kind::kConfigMap: return OpenKubernetes(url, options.kubernetes);
  }
  return Fail(ErrorCode::kInternal, "unknown kind of store");
}

}  // namespace monopod::lock
