#include "tests/support/kube_cluster.h"

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "src/base/clock.h"
#include "src/base/nonce.h"
#include "src/kube/client/client.h"
#include "src/kube/object.h"

namespace monopod::testing {
namespace {

constexpr std::chrono::seconds kPatienceOfACall(30);

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

[[noreturn]] void Abort(const std::string& why) {
  std::cerr << "the cluster under test: " << why << std::endl;
  std::abort();
}

Result<kube::Response> Send(kube::Api& api, kube::Method method, const std::string& path) {
  return api.Send({.method = method, .path = path, .body = "", .content_type = ""},
                  BootClock::now() + kPatienceOfACall);
}

Result<int> RemoveObjects(kube::Api& api, const std::string& collection,
                          const std::string& prefix) {
  int removed = 0;
  std::string next_page;
  do {
    const auto page =
        Send(api, kube::Method::kGet,
             collection + "?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dmonopod&limit=500" +
                 next_page);
    if (!page) return Fail(page.error());
    const auto list = kube::Object::Parse(page->body);
    if (page->status != 200 || !list) return Fail(ErrorCode::kUnavailable, page->body);
    for (const kube::Object& object : list->Items()) {
      const std::string name = object.Text({"metadata", "name"});
      if (!name.starts_with(prefix)) continue;
      const auto deleted = Send(api, kube::Method::kDelete, collection + "/" + name);
      if (!deleted) return Fail(deleted.error());
      if (deleted->status != 200 && deleted->status != 404) {
        return Fail(ErrorCode::kUnavailable, deleted->body);
      }
      ++removed;
    }
    const std::string more = list->Text({"metadata", "continue"});
    next_page = more.empty() ? std::string() : "&continue=" + more;
  } while (!next_page.empty());
  return removed;
}

}  // namespace

std::optional<KubeCluster> ClusterUnderTest() {
  KubeCluster cluster{.kubeconfig = FromEnvironment("MONOPOD_TEST_KUBECONFIG"),
                      .context = FromEnvironment("MONOPOD_TEST_CONTEXT"),
                      .namespace_ = FromEnvironment("MONOPOD_TEST_NAMESPACE"),
                      .run = FromEnvironment("MONOPOD_TEST_RUN")};
  if (cluster.kubeconfig.empty()) return std::nullopt;
  if (cluster.namespace_.empty() || cluster.run.empty()) {
    Abort("MONOPOD_TEST_NAMESPACE or MONOPOD_TEST_RUN is missing");
  }
  return cluster;
}

kube::ClusterAccess AccessTo(const KubeCluster& cluster) {
  auto access = kube::ResolveAccess({.kubeconfig = cluster.kubeconfig,
                                     .context = cluster.context,
                                     .namespace_ = cluster.namespace_},
                                    FromEnvironment);
  if (!access) Abort(access.error().message);
  return *std::move(access);
}

std::shared_ptr<kube::Api> ConnectTo(const KubeCluster& cluster) {
  return kube::MakeClient(AccessTo(cluster));
}

std::string NewPrefix(const KubeCluster& cluster) {
  return cluster.run + "-" + RandomNonce().substr(0, 10) + "-";
}

Result<int> RemoveLocks(kube::Api& api, const std::string& namespace_, const std::string& prefix) {
  int removed = 0;
  for (const char* resource : {"configmaps", "leases"}) {
    const std::string api_path =
        std::string(resource) == "leases" ? "/apis/coordination.k8s.io/v1" : "/api/v1";
    const auto some =
        RemoveObjects(api, api_path + "/namespaces/" + namespace_ + "/" + resource, prefix);
    if (!some) return some;
    removed += *some;
  }
  return removed;
}

KubeClusterShare::KubeClusterShare(KubeCluster cluster)
    : cluster_(std::move(cluster)), prefix_(NewPrefix(cluster_)) {}

KubeClusterShare::~KubeClusterShare() {
  const auto api = ConnectTo(cluster_);
  const auto removed = RemoveLocks(*api, cluster_.namespace_, prefix_);
  // What is left, ./dev removes at the end of the run; that it was left is a failure.
  if (!removed) Abort("the objects " + prefix_ + "* may be left: " + removed.error().message);
}

}  // namespace monopod::testing
