// ConfigMaps and Leases join the contract of locks, on an API server of the tests that works, and
// on one that fails every now and then; or on the cluster that the environment names.
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "src/base/lock_name.h"
#include "src/lock/record_backend.h"
#include "tests/conformance/kube_support.h"
#include "tests/conformance/lock_contract.h"
#include "tests/support/faulty_store.h"

namespace monopod::conformance {
namespace {

using kube::ObjectKind;
using std::chrono::milliseconds;

class KubeTestStore : public TestStore {
 public:
  KubeTestStore(ObjectKind kind, const testing::KubeFaults* faults) : kind_(kind), place_(faults) {}

  Connection Connect() override {
    auto faulty = std::make_shared<testing::FaultyStore>(place_.OpenStore(kind_));
    return {.backend = std::make_shared<lock::RecordBackend>(faulty), .faults = faulty};
  }
  bool Wipe(const std::string& lock) override {
    bool wiped = false;
    for (int slot = 0; slot < kMaxSlots; ++slot) {
      const bool there = place_.Delete(kind_, SlotRecordName(lock, slot));
      wiped = wiped || there;
      // The first may be gone already; behind another that is missing there is none.
      if (!there && slot > 0) break;
    }
    return wiped;
  }
  void HoldForeign(const std::string& lock, const std::string& name) override {
    using nlohmann::json;
    const json by_script = {{"data", {{"lock_holder", name}}}};
    const json by_elector = {
        {"spec", {{"holderIdentity", name}, {"leaseDurationSeconds", 1}, {"leaseTransitions", 1}}}};
    place_.Patch(kind_, lock, (kind_ == ObjectKind::kLease ? by_elector : by_script).dump());
  }

 private:
  const ObjectKind kind_;
  KubePlace place_;
};

// What a single try survives, as some of these tests make: everything is late, and watches break.
// (Lost requests and replies are faults of single tests.)
const testing::KubeFaults kUnsteady{
    .delay_spread = milliseconds(10), .watch_closed = 0.05, .cache_delay = milliseconds(10)};

StoreKind KindOf(std::string name, ObjectKind kind, const testing::KubeFaults* faults = nullptr) {
  return {.name = std::move(name),
          .make = [=] { return std::make_unique<KubeTestStore>(kind, faults); }};
}

INSTANTIATE_TEST_SUITE_P(
    Kube, LockContractTest,
    ::testing::Values(KindOf("configmap", ObjectKind::kConfigMap),
                      KindOf("lease", ObjectKind::kLease),
                      KindOf("unsteady_configmap", ObjectKind::kConfigMap, &kUnsteady),
                      KindOf("unsteady_lease", ObjectKind::kLease, &kUnsteady)),
    NameOf);

}  // namespace
}  // namespace monopod::conformance
