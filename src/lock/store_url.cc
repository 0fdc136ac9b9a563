#include "src/lock/store_url.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "src/base/lock_name.h"
#include "src/etcd/client/client_options.h"

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

}  // namespace monopod::lock
