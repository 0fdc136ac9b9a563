// What a lock means, on every store: a suite of tests that runs on each of them.
//
// A store joins with a TestStore and one line in a file of its own, which is linked with the
// lock_contract_*.cc files:
//
//   INSTANTIATE_TEST_SUITE_P(Mine, LockContractTest, Values(StoreKind{"mine", [] { ... }}),
//   NameOf);
//
// TTLs are the shortest allowed, since these tests run on the real clock.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "monopod/lock_client.h"
#include "src/lock/backend.h"
#include "src/protocol/times.h"
#include "tests/support/faults.h"

namespace monopod::conformance {

inline constexpr std::chrono::seconds kTtl = protocol::kMinTtl;

// One state, new for each test, and connections to it.
class TestStore {
 public:
  virtual ~TestStore() = default;
  struct Connection {
    std::shared_ptr<lock::Backend> backend;
    std::shared_ptr<testing::Faults> faults;
  };
  // As another machine would connect, where the store knows machines.
  virtual Connection Connect() = 0;
  // Deletes all that the store has of the lock, as somebody would by hand. False: it changed
  // meanwhile; try again.
  virtual bool Wipe(const std::string& lock) = 0;
  // Makes the lock look held by something that is not monopod and calls itself `name`.
  virtual void HoldForeign(const std::string& lock, const std::string& name) = 0;
};

struct StoreKind {
  std::string name;
  std::function<std::unique_ptr<TestStore>()> make;
  bool numbers_slots = true;    // each hold has a slot of its own number
  bool remembers_idle = true;   // a lock that nobody holds is still known
  bool foreign_can_age = true;  // a foreign hold can be judged by its silence
  std::chrono::nanoseconds silence_to_take_over = protocol::SilenceToTakeOver(kTtl);
};

class LockContractTest : public ::testing::TestWithParam<StoreKind> {
 protected:
  struct Party {
    std::shared_ptr<testing::Faults> faults;
    std::shared_ptr<std::vector<Event>> events;
    std::shared_ptr<std::mutex> mutex;
    std::unique_ptr<LockClient> client;

    std::vector<EventKind> Kinds() const;
  };

  Party Join(const std::string& name);
  static AcquireOptions Options(std::chrono::nanoseconds wait);
  static Lock MustAcquire(const Party& party, const AcquireOptions& options);
  static Lock MustAcquire(const Party& party);
  static Handle MustAcquireHandle(const Party& party, bool sticky = false);
  static void AwaitLost(const Lock& lock);

  std::unique_ptr<TestStore> store_ = GetParam().make();
};

inline std::string NameOf(const ::testing::TestParamInfo<StoreKind>& instance) {
  return instance.param.name;
}

}  // namespace monopod::conformance
