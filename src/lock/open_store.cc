#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "src/etcd/client/client.h"
#include "src/etcd/client/client_options.h"
#include "src/kube/client/access.h"
#include "src/kube/client/client.h"
#include "src/kube/kube_store.h"
#include "src/lock/etcd_backend.h"
#include "src/lock/record_backend.h"
#include "src/lock/store_url.h"
#include "src/store/memory_store.h"
#include "src/store/sqlite_store.h"

namespace monopod::lock {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): documented
  return value == nullptr ? "" : value;
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
