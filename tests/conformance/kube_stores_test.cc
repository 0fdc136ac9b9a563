// ConfigMaps and Leases join the contract of locks, on an API server of the tests that works, and
// on one that fails every now and then.
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
  struct Options {
    ObjectKind kind = ObjectKind::kLease;
    testing::KubeFaults faults;
  };
  explicit KubeTestStore(Options options) : kind_(options.kind) {
    server_.SetFaults(std::move(options.faults));
  }

  Connection Connect() override {
    auto faulty = std::make_shared<testing::FaultyStore>(OpenStore(server_, kind_));
    return {.backend = std::make_shared<lock::RecordBackend>(faulty), .faults = faulty};
  }
  bool Wipe(const std::string& lock) override {
    bool wiped = false;
    for (int slot = 0; slot < kMaxSlots; ++slot) {
      wiped = server_.Delete(PathOf(kind_, SlotRecordName(lock, slot))) || wiped;
    }
    return wiped;
  }
  void HoldForeign(const std::string& lock, const std::string& name) override {
    using nlohmann::json;
    const json by_script = {{"data", {{"lock_holder", name}}}};
    const json by_elector = {
        {"spec", {{"holderIdentity", name}, {"leaseDurationSeconds", 1}, {"leaseTransitions", 1}}}};
    server_.Patch(PathOf(kind_, lock), kind_ == ObjectKind::kLease ? by_elector : by_script);
  }

 private:
  const ObjectKind kind_;
  testing::KubeServer server_;
};

// What a single try survives, as some of these tests make: everything is late, and watches break.
// (Lost requests and replies are faults of single tests.)
testing::KubeFaults Unsteady() {
  return {.delay_spread = milliseconds(10), .watch_closed = 0.05, .cache_delay = milliseconds(10)};
}

StoreKind KindOf(std::string name, ObjectKind kind, const testing::KubeFaults& faults) {
  return {.name = std::move(name), .make = [=] {
            return std::make_unique<KubeTestStore>(
                KubeTestStore::Options{.kind = kind, .faults = faults});
          }};
}

INSTANTIATE_TEST_SUITE_P(
    Kube, LockContractTest,
    ::testing::Values(KindOf("configmap", ObjectKind::kConfigMap, {}),
                      KindOf("lease", ObjectKind::kLease, {}),
                      KindOf("unsteady_configmap", ObjectKind::kConfigMap, Unsteady()),
                      KindOf("unsteady_lease", ObjectKind::kLease, Unsteady())),
    NameOf);

}  // namespace
}  // namespace monopod::conformance
