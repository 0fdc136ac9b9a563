// ConfigMaps and Leases join the contract of record stores.
#include <gtest/gtest.h>

#include "tests/conformance/kube_support.h"
#include "tests/conformance/record_store_contract.h"

namespace monopod::conformance {
namespace {

using kube::ObjectKind;
using std::chrono::milliseconds;

template <ObjectKind Kind>
class KubeFactory : public RecordStoreFactory {
 public:
  std::shared_ptr<protocol::RecordStore> Open() override { return OpenStore(server_, Kind); }

 protected:
  testing::KubeServer server_;
};

// Events come late and watches break; nothing else fails, since these tests expect each call to
// succeed.
template <ObjectKind Kind>
class UnsteadyKubeFactory : public KubeFactory<Kind> {
 public:
  UnsteadyKubeFactory() {
    this->server_.SetFaults(
        {.delay_spread = milliseconds(3), .watch_closed = 0.2, .cache_delay = milliseconds(3)});
  }
};

INSTANTIATE_TEST_SUITE_P(ConfigMap, RecordStoreContractTest,
                         ValuesOf<KubeFactory<ObjectKind::kConfigMap>>());
INSTANTIATE_TEST_SUITE_P(Lease, RecordStoreContractTest,
                         ValuesOf<KubeFactory<ObjectKind::kLease>>());
INSTANTIATE_TEST_SUITE_P(UnsteadyConfigMap, RecordStoreContractTest,
                         ValuesOf<UnsteadyKubeFactory<ObjectKind::kConfigMap>>());
INSTANTIATE_TEST_SUITE_P(UnsteadyLease, RecordStoreContractTest,
                         ValuesOf<UnsteadyKubeFactory<ObjectKind::kLease>>());

}  // namespace
}  // namespace monopod::conformance
