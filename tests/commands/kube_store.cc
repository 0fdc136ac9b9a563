// MONOPOD_KUBE is the store's URL, "lease:default" or "configmap:default"; with MONOPOD_KUBE_FAULTS
// the API server is slow, refuses, and loses requests and replies.
#include "tests/commands/test_store.h"
#include "tests/support/kube_server.h"

namespace monopod::testing {
namespace {

using std::chrono::milliseconds;

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
  std::string Url() const override { return MONOPOD_KUBE; }
  std::string Scope() const override {
    return "whoever uses the namespace default of " + server_.url();
  }
  std::vector<std::pair<std::string, std::string>> Environment() const override {
    return {{"KUBECONFIG", server_.kubeconfig_file()}};
  }
  // Electors of client-go look at whole seconds.
  std::string ShortTtl() const override {
    return std::string_view(MONOPOD_KUBE).starts_with("lease:") ? "7s" : "2s";
  }

 private:
  KubeServer server_;
};

}  // namespace

std::unique_ptr<TestStore> MakeTestStore(const TemporaryDirectory& /*folder*/) {
  return std::make_unique<KubeStore>();
}

}  // namespace monopod::testing
