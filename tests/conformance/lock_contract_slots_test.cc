// Locks that several may hold.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "src/base/clock.h"
#include "tests/conformance/lock_contract.h"

namespace monopod::conformance {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST_P(LockContractTest, SlotsAdmitSoManyAndAnotherNumberIsRefused) {
  const Party a = Join("a");
  AcquireOptions three = Options(0s);
  three.slots = 3;
  std::vector<Lock> held;
  for (int i = 0; i < 3; ++i) held.push_back(MustAcquire(a, three));
  EXPECT_FALSE(a.client->Acquire("x", three)->lock.has_value());
  AcquireOptions two = Options(0s);
  two.slots = 2;
  const auto refused = a.client->Acquire("x", two);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message, HasSubstr("has 3 slots, not 2"));
  std::vector<int> slots;
  for (const Lock& lock : held) slots.push_back(lock.slot());
  if (GetParam().numbers_slots) {
    EXPECT_THAT(slots, ::testing::UnorderedElementsAre(0, 1, 2));
  }
  // Whoever does not ask for a number takes what the lock has.
  EXPECT_TRUE(held[1].Release().has_value());
  EXPECT_TRUE(a.client->Acquire("x", Options(0s))->lock.has_value());
}

TEST_P(LockContractTest, ASmallerNumberIsInForceOnceTheSurplusHasEnded) {
  const Party a = Join("a");
  AcquireOptions three = Options(0s);
  three.slots = 3;
  std::vector<Lock> held;
  for (int i = 0; i < 3; ++i) held.push_back(MustAcquire(a, three));
  EXPECT_FALSE(*a.client->Resize("x", 1, 0s));
  EXPECT_EQ(a.client->Status("x")->resize_to, 1);
  if (GetParam().numbers_slots) std::ranges::sort(held, {}, &Lock::slot);
  EXPECT_TRUE(held[1].Release().has_value());
  EXPECT_TRUE(held[2].Release().has_value());
  EXPECT_FALSE(a.client->Acquire("x", Options(0s))->lock.has_value()) << "only one is left";
  EXPECT_TRUE(*a.client->Resize("x", 1, 10s));
  EXPECT_EQ(a.client->Status("x")->slots, 1);
  EXPECT_TRUE(*a.client->Resize("x", 2, 0s));
  AcquireOptions two = Options(0s);
  two.slots = 2;
  EXPECT_TRUE(a.client->Acquire("x", two)->lock.has_value());
}

TEST_P(LockContractTest, ASmallerNumberWaitsForWorkThatMayStillRun) {
  // A broken or crashed hold in a surplus slot frees its record before its work is over.
  const Party a = Join("a");
  AcquireOptions two = Options(0s);
  two.slots = 2;
  const BootTime before = BootClock::now();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(a.client->AcquireHandle("x", two, false)->handle.has_value());
  }
  ASSERT_TRUE(a.client->Break({.lock = "x",
                               .token = a.client->Status("x")->slot.at(1).token,
                               .reason = "test",
                               .slot = 1}));
  EXPECT_FALSE(*a.client->Resize("x", 1, 0s));
  EXPECT_TRUE(*a.client->Resize("x", 1, 30s));
  EXPECT_GE(BootClock::now() - before,
            protocol::RecoveryTime(protocol::MakeTimes({.ttl = kTtl})->kill));
}

TEST_P(LockContractTest, ASmallerNumberReplacesASilentHolder) {
  const Party a = Join("a");
  AcquireOptions two = Options(0s);
  two.slots = 2;
  const BootTime before = BootClock::now();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(a.client->AcquireHandle("x", two, false)->handle.has_value());
  }
  EXPECT_TRUE(*a.client->Resize("x", 1, 30s));
  EXPECT_GE(BootClock::now() - before, GetParam().silence_to_take_over);
}

}  // namespace
}  // namespace monopod::conformance
