// MONOPOD_KUBE is the kind of the store, "lease" or "configmap"; with MONOPOD_KUBE_FAULTS the API
// server is slow, refuses, and loses requests and replies. Without, the cluster that the
// environment names is used in place of an API server of the tests.
#include <optional>

#include "tests/commands/test_store.h"
#include "tests/support/kube_cluster.h"
#include "tests/support/kube_server.h"

namespace monopod::testing {
namespace {

using std::chrono::milliseconds;
using Variables = std::vector<std::pair<std::string, std::string>>;

// Electors of client-go look at whole seconds.
std::string ShortestTtl() { return std::string_view(MONOPOD_KUBE) == "lease" ? "7s" : "2s"; }
std::string UrlIn(const std::string& name_space) {
  return std::string(MONOPOD_KUBE) + ":" + name_space;
}
std::string ScopeOf(const std::string& name_space, const std::string& server) {
  return "whoever uses the namespace " + name_space + " of " + server;
}

class KubeStore : public TestStore {
 public:
  KubeStore() {
#ifdef MONOPOD_KUBE_FAULTS
    server_.SetFaults({.delay = milliseconds(1),
                       .delay_spread = milliseconds(10),
                       .lost_request = 0.03,
                       .lost_reply = 0.03,
                       .too_many_requests = 0.01,
                       .retry_after = std::chrono::seconds(1),
                       .unavailable = 0.02,
                       .watch_closed = 0.05,
                       .cache_delay = milliseconds(20)});
#endif
  }
  std::string Url() const override { return UrlIn("default"); }
  std::string Scope() const override { return ScopeOf("default", server_.url()); }
  Variables Environment() const override { return {{"KUBECONFIG", server_.kubeconfig_file()}}; }
  std::string ShortTtl() const override { return ShortestTtl(); }

 private:
  KubeServer server_;
};

class ClusterStore : public TestStore {
 public:
  explicit ClusterStore(KubeCluster cluster) : share_(std::move(cluster)) {}

  std::string Url() const override { return UrlIn(share_.cluster().namespace_); }
  std::string Scope() const override {
    return ScopeOf(share_.cluster().namespace_, AccessTo(share_.cluster()).server);
  }
  Variables Environment() const override { return {{"KUBECONFIG", share_.cluster().kubeconfig}}; }
  std::vector<std::string> Flags() const override {
    if (share_.cluster().context.empty()) return {};
    return {"--context", share_.cluster().context};
  }
  std::string LockName(const std::string& lock) const override { return share_.prefix() + lock; }
  std::string ShortTtl() const override { return ShortestTtl(); }

 private:
  KubeClusterShare share_;
};

}  // namespace

std::unique_ptr<TestStore> MakeTestStore(const TemporaryDirectory& /*folder*/) {
  auto cluster = ClusterUnderTest();
  if (cluster) return std::make_unique<ClusterStore>(*std::move(cluster));
  return std::make_unique<KubeStore>();
}

}  // namespace monopod::testing
