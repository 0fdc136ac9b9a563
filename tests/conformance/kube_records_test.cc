// ConfigMaps and Leases join the contract of record stores, on an API server of the tests, which
// also is unsteady, or on the cluster that the environment names.
#include <gtest/gtest.h>

#include "tests/conformance/kube_support.h"
#include "tests/conformance/record_store_contract.h"

namespace monopod::conformance {
namespace {

using kube::ObjectKind;
using std::chrono::milliseconds;

// Events come late and watches break; nothing else fails, since these tests expect each call to
// succeed.
const testing::KubeFaults kUnsteady{
    .delay_spread = milliseconds(3), .watch_closed = 0.2, .cache_delay = milliseconds(3)};

template <ObjectKind Kind>
class KubeFactory : public RecordStoreFactory {
 public:
  explicit KubeFactory(const testing::KubeFaults* faults = nullptr) : place_(faults) {}
  std::shared_ptr<protocol::RecordStore> Open() override { return place_.OpenStore(Kind); }

 private:
  KubePlace place_;
};

template <ObjectKind Kind>
class UnsteadyKubeFactory : public KubeFactory<Kind> {
 public:
  UnsteadyKubeFactory() : KubeFactory<Kind>(&kUnsteady) {}
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
