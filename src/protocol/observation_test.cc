#include "src/protocol/observation.h"

#include <gtest/gtest.h>

#include "src/protocol/times.h"

namespace monopod::protocol {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

BootTime At(nanoseconds since_boot) { return BootTime(since_boot); }

Snapshot HeldBy(const std::string& instance, const std::string& stamp) {
  return {.version = "v-" + stamp,
          .record = {.phase = Phase::kHeld,
                     .holder = {.instance = instance},
                     .stamp = stamp,
                     .origin = "o1",
                     .ttl = 15s,
                     .kill = 12s}};
}

Snapshot WithCredit(Snapshot snapshot, std::chrono::milliseconds credit) {
  snapshot.record.credit = credit;
  return snapshot;
}

TEST(ObservationTest, SilenceCountsFromTheFirstReceipt) {
  Observation observation;
  EXPECT_FALSE(observation.saw_anything());
  observation.Saw(HeldBy("a", "s1"), At(10s));
  observation.Saw(HeldBy("a", "s1"), At(14s));
  EXPECT_EQ(observation.silent_since(), At(10s));
  observation.Saw(HeldBy("a", "s2"), At(20s));
  EXPECT_EQ(observation.silent_since(), At(20s));
}

TEST(ObservationTest, AnEqualStampOfAnotherInstanceIsAnotherHold) {
  Observation observation;
  observation.Saw(HeldBy("a", "s1"), At(10s));
  observation.Saw(HeldBy("b", "s1"), At(14s));
  EXPECT_EQ(observation.silent_since(), At(14s));
}

TEST(ObservationTest, CreditOfTheSameStampOnlyEverExtendsTheSilence) {
  Observation observation;
  observation.Saw(HeldBy("a", "s1"), At(10s));
  observation.Saw(WithCredit(HeldBy("a", "s1"), 3s), At(12s));
  EXPECT_EQ(observation.silent_since(), At(9s));
  observation.Saw(WithCredit(HeldBy("a", "s1"), 3s), At(20s));
  EXPECT_EQ(observation.silent_since(), At(9s));
}

TEST(ObservationTest, TheLongerOfCreditAndSharedClockCounts) {
  Observation observation;
  Snapshot snapshot = WithCredit(HeldBy("a", "s1"), 3s);
  snapshot.known_silence = 5s;
  observation.Saw(snapshot, At(20s));
  EXPECT_EQ(observation.silent_since(), At(15s));
}

TEST(ObservationTest, AHoldOfAnEarlierBootIsSilentForLongEnoughForAnyTtl) {
  Observation observation;
  Snapshot snapshot = HeldBy("a", "s1");
  snapshot.known_silence = kCertainlyOver;
  observation.Saw(snapshot, At(1s));
  EXPECT_LT(observation.silent_since() + SilenceToTakeOver(kMaxTtl), At(1s));
}

TEST(ObservationTest, TheFirstLookIsNoChange) {
  Observation observation;
  observation.Saw(HeldBy("a", "s1"), At(1s));
  observation.Saw(WithCredit(HeldBy("a", "s1"), 1s), At(2s));
  EXPECT_FALSE(observation.changed());
  observation.Saw(HeldBy("a", "s2"), At(3s));
  EXPECT_TRUE(observation.changed());
  observation.Saw(HeldBy("a", "s2"), At(4s));
  EXPECT_TRUE(observation.changed());
}

TEST(ObservationTest, AVanishedHoldLeavesADebtFromTheReadThatShowedIt) {
  Observation observation;
  observation.Saw(HeldBy("a", "s1"), At(1s));
  EXPECT_EQ(observation.debt_kill(), 0ms);
  observation.Saw({}, At(5s));
  EXPECT_EQ(observation.debt_kill(), 12s);
  EXPECT_EQ(observation.debt_since(), At(5s));
}

TEST(ObservationTest, ATokenThatWentBackShowsAHoldThatARestoreTookAway) {
  Observation observation;
  Snapshot held = HeldBy("a", "s2");
  held.record.token = 7;
  observation.Saw(held, At(1s));
  Snapshot restored = HeldBy("", "s1");
  restored.record.phase = Phase::kFree;
  restored.record.kill = 0ms;
  restored.record.token = 6;
  observation.Saw(restored, At(5s));
  EXPECT_EQ(observation.debt_kill(), 12s);
  EXPECT_EQ(observation.debt_since(), At(5s));
}

TEST(ObservationTest, ARecordThatStaysAwayAddsNoDebt) {
  Observation observation;
  observation.Saw(HeldBy("a", "s1"), At(1s));
  observation.Saw({}, At(5s));
  observation.Saw({}, At(9s));
  EXPECT_EQ(observation.debt_since(), At(5s));
}

TEST(ObservationTest, AnEndedHoldThatIsDeletedLeavesNoDebt) {
  Observation observation;
  Snapshot free{.version = "v1", .record = {.stamp = "s1", .origin = "o1"}};
  observation.Saw(free, At(1s));
  observation.Saw({}, At(2s));
  EXPECT_EQ(observation.debt_kill(), 0ms);
}

TEST(ObservationTest, TheLongestOfTwoDebtsIsKeptWhileItLasts) {
  Observation observation;
  observation.Saw(HeldBy("a", "s1"), At(1s));
  observation.Saw({}, At(2s));
  Snapshot short_hold = HeldBy("b", "s2");
  short_hold.record.kill = 1s;
  observation.Saw(short_hold, At(3s));
  observation.Saw({}, At(4s));
  EXPECT_EQ(observation.debt_kill(), 12s);
  EXPECT_EQ(observation.debt_since(), At(4s));
}

TEST(ObservationTest, ADebtThatIsOverIsForgottenByTheNext) {
  Observation observation;
  observation.Saw(HeldBy("a", "s1"), At(1s));
  observation.Saw({}, At(2s));
  Snapshot short_hold = HeldBy("b", "s2");
  short_hold.record.kill = 1s;
  observation.Saw(short_hold, At(100s));
  observation.Saw({}, At(101s));
  EXPECT_EQ(observation.debt_kill(), 1s);
}

TEST(OutstandingKillTest, AClaimedRecordCountsItsOwnWorkAndWhatItInherited) {
  Record record{.phase = Phase::kHeld, .kill = 12s};
  EXPECT_EQ(OutstandingKill(record), 12s);
  record.phase = Phase::kRecovering;
  record.owed_kill = 60s;
  EXPECT_EQ(OutstandingKill(record), 60s);
  record.owed_kill = 1s;
  EXPECT_EQ(OutstandingKill(record), 12s);
}

TEST(OutstandingKillTest, AFreeRecordCountsOnlyWhatIsOwed) {
  EXPECT_EQ(OutstandingKill({.phase = Phase::kFree, .kill = 12s}), 0ms);
  EXPECT_EQ(OutstandingKill({.phase = Phase::kFree, .owed_kill = 5s}), 5s);
}

}  // namespace
}  // namespace monopod::protocol
