// Holding, waiting, losing, and looking.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "src/base/clock.h"
#include "tests/conformance/lock_contract.h"

namespace monopod::conformance {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;

TEST_P(LockContractTest, ManyContendersNeverOverlapAndTokensRise) {
  std::atomic<int> inside{0};
  std::mutex mutex;
  std::vector<Token> tokens;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      const Party party = Join("party-" + std::to_string(i));
      for (int round = 0; round < 8; ++round) {
        Lock lock = MustAcquire(party);
        EXPECT_EQ(inside.fetch_add(1), 0);
        {
          const std::lock_guard guard(mutex);
          tokens.push_back(lock.token());
        }
        EXPECT_EQ(inside.fetch_sub(1), 1);
        EXPECT_TRUE(lock.Release().has_value());
      }
    });
  }
  threads.clear();
  ASSERT_EQ(tokens.size(), 48U);
  EXPECT_TRUE(std::ranges::is_sorted(tokens, std::less_equal<>())) << "a token repeats or falls";
}

TEST_P(LockContractTest, ASecondClaimIsToldWhoHoldsIt) {
  const Party a = Join("a");
  const Party b = Join("b");
  const Lock held = MustAcquire(a);
  const auto busy = b.client->Acquire("x", Options(0s));
  ASSERT_TRUE(busy.has_value());
  EXPECT_FALSE(busy->lock.has_value());
  EXPECT_EQ(busy->owner.name, "a");
  AcquireOptions no_wait = Options(0s);
  no_wait.no_wait = true;
  const auto busy_again = b.client->Acquire("x", no_wait);
  ASSERT_TRUE(busy_again.has_value());
  EXPECT_FALSE(busy_again->lock.has_value());
  EXPECT_THAT(b.Kinds(), Contains(EventKind::kSkipped));
}

TEST_P(LockContractTest, AWaiterGetsItWhenTheHolderReleases) {
  const Party a = Join("a");
  const Party b = Join("b");
  Lock first = MustAcquire(a);
  std::jthread releaser([&] {
    // The waiter says that it waits before it does.
    while (!std::ranges::count(b.Kinds(), EventKind::kWaiting)) std::this_thread::yield();
    EXPECT_TRUE(first.Release().has_value());
  });
  const Lock second = MustAcquire(b);
  EXPECT_GT(second.token(), first.token());
  EXPECT_THAT(b.Kinds(), Contains(EventKind::kAcquired));
}

TEST_P(LockContractTest, NobodyTakesOverWhileItIsRenewed) {
  const Party a = Join("a");
  const Party b = Join("b");
  const Lock held = MustAcquire(a);
  const auto waited = b.client->Acquire("x", Options(2 * kTtl + 1s));
  ASSERT_TRUE(waited.has_value());
  EXPECT_FALSE(waited->lock.has_value());
  EXPECT_FALSE(held.lost().stop_requested());
  EXPECT_GT(held.time_left(), 0s);
}

TEST_P(LockContractTest, ASilentHolderIsReplacedAfterItsTtlAndNotBefore) {
  const Party a = Join("a");
  const Party b = Join("b");
  const BootTime before = BootClock::now();
  const Handle silent = MustAcquireHandle(a);
  const Lock next = MustAcquire(b);
  EXPECT_GE(BootClock::now() - before, GetParam().silence_to_take_over);
  EXPECT_GT(next.token(), silent.token);
  EXPECT_THAT(b.Kinds(), ::testing::ElementsAre(EventKind::kWaiting, EventKind::kStale,
                                                EventKind::kTakenOver));
  EXPECT_EQ(b.events->back().owner.name, "a");
}

TEST_P(LockContractTest, NoWaitCallsAloneReplaceASilentHolder) {
  const Party a = Join("a");
  const Party b = Join("b");
  MustAcquireHandle(a);
  AcquireOptions no_wait = Options(0s);
  no_wait.no_wait = true;
  const BootTime give_up = BootClock::now() + 30s;
  int calls = 0;
  while (true) {
    ASSERT_LT(BootClock::now(), give_up);
    auto acquired = b.client->Acquire("x", no_wait);
    ASSERT_TRUE(acquired.has_value());
    ++calls;
    if (acquired->lock) break;
  }
  EXPECT_GT(calls, 1);
}

TEST_P(LockContractTest, AHandleRenewsAndReleasesAndStrangersAreRefused) {
  const Party a = Join("a");
  const Party b = Join("b");
  const Handle handle = MustAcquireHandle(a);
  EXPECT_TRUE(b.client->Renew(handle).has_value()) << "whoever has the handle has the lock";
  Handle stranger = handle;
  stranger.instance = std::string(32, '0');
  Handle old = handle;
  old.token -= 1;
  for (const Handle& wrong : {stranger, old}) {
    const auto renewed = b.client->Renew(wrong);
    ASSERT_FALSE(renewed.has_value());
    EXPECT_EQ(renewed.error().code, ErrorCode::kNotHolder);
    EXPECT_THAT(renewed.error().message, HasSubstr("a holds it now"));
    EXPECT_EQ(b.client->Release(wrong).error().code, ErrorCode::kNotHolder);
  }
  EXPECT_TRUE(b.client->Release(handle).has_value());
  EXPECT_EQ(b.client->Release(handle).error().code, ErrorCode::kNotHolder);
  EXPECT_EQ(b.client->Renew(handle).error().code, ErrorCode::kNotHolder);
  EXPECT_GT(MustAcquire(b).token(), handle.token);
}

TEST_P(LockContractTest, AStickyHoldIsNeverStale) {
  const Party a = Join("a");
  const Party b = Join("b");
  const Handle handle = MustAcquireHandle(a, true);
  const auto waited = b.client->Acquire("x", Options(kTtl + 1s));
  ASSERT_TRUE(waited.has_value());
  EXPECT_FALSE(waited->lock.has_value());
  EXPECT_TRUE(b.client->Release(handle).has_value());
  MustAcquire(b);
}

TEST_P(LockContractTest, LostRepliesAreReadBackAndLostRequestsRepeated) {
  const Party a = Join("a");
  for (auto* fault : {&a.faults->lose_replies, &a.faults->lose_requests}) {
    *fault = 3;
    Lock lock = MustAcquire(a);
    *fault = 1;
    EXPECT_TRUE(lock.Release().has_value());
    *fault = 0;
    const auto status = a.client->Status("x");
    if (!GetParam().remembers_idle) {
      EXPECT_EQ(status.error().code, ErrorCode::kNotFound) << "nothing is left of it";
      continue;
    }
    ASSERT_TRUE(status.has_value());
    EXPECT_EQ(status->slot.at(0).state, SlotState::kFree);
    EXPECT_EQ(status->slot.at(0).owed, 0ms) << "the end was clean";
  }
}

TEST_P(LockContractTest, AStoreThatIsDownEndsTheHoldInTime) {
  const Party a = Join("a");
  Lock lock = MustAcquire(a);
  a.faults->down = true;
  AwaitLost(lock);
  EXPECT_GT(lock.time_left(), 0s) << "the work has time to stop";
  EXPECT_THAT(lock.lost_reason(), HasSubstr("not renewed for"));
  a.faults->down = false;
  EXPECT_EQ(lock.Release().error().code, ErrorCode::kNotHolder);
}

TEST_P(LockContractTest, AnOutageBeforeTheFirstContactIsAnError) {
  const Party a = Join("a");
  a.faults->down = true;
  const auto acquired = a.client->Acquire("x", Options(200ms));
  ASSERT_FALSE(acquired.has_value());
  EXPECT_EQ(acquired.error().code, ErrorCode::kUnavailable);
}

TEST_P(LockContractTest, ABrokenHolderStopsAndTheNextWaitsUntilItsWorkIsOver) {
  const Party a = Join("a");
  const Party b = Join("b");
  const Lock held = MustAcquire(a);
  EXPECT_EQ(
      b.client->Break({.lock = "x", .token = held.token() + 1, .reason = "wrong"}).error().code,
      ErrorCode::kNotHolder);
  const BootTime broken_at = BootClock::now();
  ASSERT_TRUE(b.client->Break({.lock = "x", .token = held.token(), .reason = "node is gone"}));
  EXPECT_THAT(b.Kinds(), Contains(EventKind::kBroken));
  std::jthread watcher([&] { AwaitLost(held); });
  const Lock next = MustAcquire(b);
  EXPECT_GE(BootClock::now() - broken_at,
            protocol::RecoveryTime(protocol::MakeTimes({.ttl = kTtl})->kill));
  EXPECT_THAT(held.lost_reason(), HasSubstr("node is gone"));
  EXPECT_THAT(b.Kinds(), Contains(EventKind::kRecovering));
  EXPECT_THAT(b.Kinds(), Contains(EventKind::kTakenOver));
}

TEST_P(LockContractTest, GivingUpInRecoveryHandsOnWhatIsOwed) {
  const Party a = Join("a");
  const Party b = Join("b");
  const Lock held = MustAcquire(a);
  const BootTime broken_at = BootClock::now();
  ASSERT_TRUE(b.client->Break({.lock = "x", .token = held.token(), .reason = "test"}));
  const auto given_up = b.client->Acquire("x", Options(300ms));
  ASSERT_TRUE(given_up.has_value());
  EXPECT_FALSE(given_up->lock.has_value());
  EXPECT_GT(b.client->Status("x")->slot.at(0).owed, 0ms);
  const Lock next = MustAcquire(b);
  EXPECT_GE(BootClock::now() - broken_at,
            protocol::RecoveryTime(protocol::MakeTimes({.ttl = kTtl})->kill));
}

TEST_P(LockContractTest, TokensRiseOverDeletionAndWhoSawTheHoldWaits) {
  const Party a = Join("a");
  const Party b = Join("b");
  const Lock held = MustAcquire(a);
  BootTime deleted_at;
  std::jthread deleter([&] {
    while (!std::ranges::count(b.Kinds(), EventKind::kWaiting)) std::this_thread::yield();
    // The holder renews meanwhile: try until no renewal comes between.
    do {
      deleted_at = BootClock::now();
    } while (!store_->Wipe("x"));
  });
  const Lock next = MustAcquire(b);
  EXPECT_GT(next.token(), held.token());
  EXPECT_GE(BootClock::now() - deleted_at,
            protocol::RecoveryTime(protocol::MakeTimes({.ttl = kTtl})->kill));
  AwaitLost(held);
}

TEST_P(LockContractTest, AForeignHoldIsKeptUntilBreakOrItsOwnTtl) {
  const Party a = Join("a");
  ASSERT_TRUE(a.client->Create("x", 1).has_value());
  store_->HoldForeign("x", "somebody's script");
  EXPECT_TRUE(a.client->Status("x")->slot.at(0).foreign);
  EXPECT_THAT(a.client->Acquire("x", Options(500ms))->owner.name, HasSubstr("somebody's script"));
  if (!GetParam().foreign_can_age) return;
  AcquireOptions with_ttl = Options(60s);
  with_ttl.foreign_ttl = 1s;
  const BootTime before = BootClock::now();
  Lock lock = MustAcquire(a, with_ttl);
  EXPECT_GE(BootClock::now() - before, 1s) << "its silence was watched, not read from its times";
  EXPECT_THAT(a.Kinds(), Contains(EventKind::kTakenOver));
}

TEST_P(LockContractTest, ListingShowsEveryLockOnce) {
  const Party a = Join("a");
  EXPECT_TRUE(a.client->List()->empty());
  EXPECT_EQ(a.client->Status("x").error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(a.client->Create("many", 3).has_value());
  EXPECT_TRUE(a.client->Create("many", 3).has_value()) << "repeating it is fine";
  EXPECT_EQ(a.client->Create("many", 2).error().code, ErrorCode::kInvalidArgument);
  const Lock held = MustAcquire(a);
  const auto locks = a.client->List();
  ASSERT_TRUE(locks.has_value());
  ASSERT_EQ(locks->size(), 2U);
  EXPECT_EQ(locks->at(0).name, "many");
  EXPECT_EQ(locks->at(0).slots, 3);
  EXPECT_EQ(locks->at(1).name, "x");
  EXPECT_EQ(locks->at(1).slot.at(0).holder.name, "a");
  EXPECT_EQ(locks->at(1).slot.at(0).holder.instance, "") << "it is part of the handle";
}

TEST_P(LockContractTest, ACancelledAttemptLeavesNothingBehind) {
  const Party a = Join("a");
  const Party b = Join("b");
  const Lock held = MustAcquire(a);
  std::stop_source cancel;
  AcquireOptions options = Options(60s);
  options.cancel = cancel.get_token();
  std::jthread canceller([&] {
    while (!std::ranges::count(b.Kinds(), EventKind::kWaiting)) std::this_thread::yield();
    cancel.request_stop();
  });
  const auto acquired = b.client->Acquire("x", options);
  ASSERT_TRUE(acquired.has_value());
  EXPECT_FALSE(acquired->lock.has_value());
  EXPECT_FALSE(held.lost().stop_requested());
}

TEST_P(LockContractTest, BadArgumentsAreRefusedBeforeAnyCall) {
  const Party a = Join("a");
  a.faults->down = true;
  for (const std::string name : {"", "UPPER", "a/b", "..", "x.slot-1"}) {
    EXPECT_EQ(a.client->Acquire(name, {}).error().code, ErrorCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(a.client->Acquire(std::string("a\0b", 3), {}).error().code,
            ErrorCode::kInvalidArgument);
  for (const int slots : {0, 129, -1}) {
    EXPECT_EQ(a.client->Acquire("x", {.slots = slots}).error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(a.client->Acquire("x", {.times = {.ttl = 1s}}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(a.client->Acquire("x", {.purpose = "two\nlines"}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(a.client->Resize("x", 0, 0s).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Handle::Parse("x:0:1:short").error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace monopod::conformance
