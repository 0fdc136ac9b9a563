// etcd joins the contract of locks: MONOPOD_ETCD is one member, or three.
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "src/etcd/client/client.h"
#include "src/lock/etcd_backend.h"
#include "tests/conformance/lock_contract.h"
#include "tests/support/etcd_server.h"
#include "tests/support/faulty_api.h"

namespace monopod::conformance {
namespace {

template <class Cluster>
class EtcdTestStore : public TestStore {
 public:
  Connection Connect() override {
    auto faulty = std::make_shared<testing::FaultyApi>(Open());
    return {.backend = std::make_shared<lock::EtcdBackend>(
                std::make_shared<lock::EtcdStore>(faulty, "monopod/")),
            .faults = faulty};
  }
  bool Wipe(const std::string& /*lock*/) override {
    const auto wiped = Open()->Transact(
        {.compares = {}, .then = {etcd::Delete{.key = "monopod/", .end = "monopod0"}}}, Soon());
    return wiped.has_value();
  }
  void HoldForeign(const std::string& lock, const std::string& name) override {
    const auto held = Open()->Transact(
        {.compares = {}, .then = {etcd::Put{"monopod/locks/" + lock + "/" + name, "", 0}}}, Soon());
    EXPECT_TRUE(held.has_value());
  }

 private:
  std::shared_ptr<etcd::Api> Open() {
    const auto options =
        etcd::Resolve(cluster_.Url(), {}, [](const char*) { return std::string(); });
    return etcd::MakeClient(*options);
  }
  static BootTime Soon() { return BootClock::now() + std::chrono::seconds(10); }

  Cluster cluster_;
};

// Its leases end by etcd's clock, which looks at them every half second.
INSTANTIATE_TEST_SUITE_P(
    Etcd, LockContractTest,
    ::testing::Values(StoreKind{
        .name = "etcd",
        .make = [] { return std::make_unique<EtcdTestStore<testing::MONOPOD_ETCD>>(); },
        .numbers_slots = false,
        .remembers_idle = false,
        .foreign_can_age = false,
        .silence_to_take_over = kTtl}),
    NameOf);

}  // namespace
}  // namespace monopod::conformance
