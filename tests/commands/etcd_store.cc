// MONOPOD_ETCD is the class of the servers: EtcdServer or EtcdCluster.
#include "tests/commands/test_store.h"
#include "tests/support/etcd_server.h"

namespace monopod::testing {
namespace {

class EtcdStore : public TestStore {
 public:
  std::string Url() const override { return servers_.Url(); }
  std::string Scope() const override { return "whoever uses this etcd cluster"; }

 private:
  const MONOPOD_ETCD servers_;
};

}  // namespace

std::unique_ptr<TestStore> MakeTestStore(const TemporaryDirectory& /*folder*/) {
  return std::make_unique<EtcdStore>();
}

}  // namespace monopod::testing
