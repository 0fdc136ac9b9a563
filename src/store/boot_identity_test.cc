#include "src/store/boot_identity.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <cerrno>
#include <cstring>

#include "src/protocol/record_store.h"
#include "src/store/test_support.h"

namespace monopod::store {
namespace {

using protocol::HoldKind;
using protocol::kCertainlyOver;
using protocol::Phase;
using protocol::Record;
using namespace std::chrono_literals;

constexpr std::uint64_t kInitial = 0xEFFFFFFA;
constexpr BootTime kNow{100s};

BootIdentity ThisBoot() {
  return {.boot_id = "boot-2", .time_namespace = kInitial, .machine_id = "machine"};
}

StampTime StampedBy(const BootIdentity& writer, BootTime when) {
  return {.clock = writer.ClockName(), .machine = writer.machine_id, .written = when};
}

StampTime StampedByAnEarlierBoot() {
  BootIdentity writer = ThisBoot();
  writer.boot_id = "boot-1";
  return StampedBy(writer, BootTime{5000s});
}

Record HeldAs(HoldKind kind) { return {.phase = Phase::kHeld, .kind = kind}; }

TEST(BootIdentityTest, TellsTheBootAndTheTimeNamespace) {
  const BootIdentity identity = ReadBootIdentity();
  EXPECT_EQ(identity.boot_id.size(), 36U);
  EXPECT_NE(identity.time_namespace, 0U);
  EXPECT_EQ(identity.ClockName(), identity.boot_id + ":" + std::to_string(identity.time_namespace));
}

TEST(BootIdentityTest, AnotherTimeNamespaceIsAnotherClock) {
  const std::string here = ReadBootIdentity().ClockName();
  EXPECT_TRUE(SucceedsInChild([&] {
    ASSERT_EQ(unshare(CLONE_NEWTIME), 0) << "a time namespace needs root: " << strerror(errno);
    WriteFile("/proc/self/timens_offsets", "boottime 1000 0\n");
    // Only children of a process that unshared enter the namespace.
    EXPECT_TRUE(SucceedsInChild([&] { EXPECT_NE(ReadBootIdentity().ClockName(), here); }));
  }));
}

TEST(BootIdentityTest, AnUnknownBootHasNoClock) {
  EXPECT_EQ(BootIdentity{.time_namespace = kInitial}.ClockName(), "");
}

TEST(KnownSilenceTest, OneBootsProcessesShareTheClock) {
  const StampTime stamp = StampedBy(ThisBoot(), kNow - 7s);
  EXPECT_EQ(KnownSilence(HeldAs(HoldKind::kProcess), stamp, ThisBoot(), kNow), 7s);
  EXPECT_EQ(KnownSilence(HeldAs(HoldKind::kSticky), stamp, ThisBoot(), kNow), 7s);
}

TEST(KnownSilenceTest, AStampFromTheFutureIsNotSilent) {
  const StampTime stamp = StampedBy(ThisBoot(), kNow + 7s);
  EXPECT_EQ(KnownSilence(HeldAs(HoldKind::kProcess), stamp, ThisBoot(), kNow), 0s);
}

TEST(KnownSilenceTest, AnotherTimeNamespaceOfThisBootTellsNothing) {
  BootIdentity writer = ThisBoot();
  writer.time_namespace = 4;
  const StampTime stamp = StampedBy(writer, kNow - 7s);
  EXPECT_EQ(KnownSilence(HeldAs(HoldKind::kProcess), stamp, ThisBoot(), kNow), 0s);
  EXPECT_EQ(KnownSilence(HeldAs(HoldKind::kDetached), stamp, ThisBoot(), kNow), 0s);
}

TEST(KnownSilenceTest, ProcessesOfAnEarlierBootAreDead) {
  const StampTime stamp = StampedByAnEarlierBoot();
  Record recovering = HeldAs(HoldKind::kProcess);
  recovering.phase = Phase::kRecovering;
  EXPECT_EQ(KnownSilence(HeldAs(HoldKind::kProcess), stamp, ThisBoot(), kNow), kCertainlyOver);
  EXPECT_EQ(KnownSilence(recovering, stamp, ThisBoot(), kNow), kCertainlyOver);
}

TEST(KnownSilenceTest, WhatAFreeRecordOfAnEarlierBootOwesIsOver) {
  Record free{.phase = Phase::kFree, .kind = HoldKind::kDetached, .owed_kill = 12s};
  EXPECT_EQ(KnownSilence(free, StampedByAnEarlierBoot(), ThisBoot(), kNow), kCertainlyOver);
}

TEST(KnownSilenceTest, ADetachedHoldOfAnEarlierBootIsSilentSinceThisBoot) {
  const StampTime stamp = StampedByAnEarlierBoot();
  EXPECT_EQ(KnownSilence(HeldAs(HoldKind::kDetached), stamp, ThisBoot(), kNow), 100s);
  EXPECT_EQ(KnownSilence(HeldAs(HoldKind::kSticky), stamp, ThisBoot(), kNow), 100s);
}

TEST(KnownSilenceTest, AShiftedClockDoesNotTellTheTimeSinceBoot) {
  BootIdentity reader = ThisBoot();
  reader.time_namespace = 4;
  const StampTime stamp = StampedByAnEarlierBoot();
  EXPECT_EQ(KnownSilence(HeldAs(HoldKind::kDetached), stamp, reader, kNow), 0s);
  EXPECT_EQ(KnownSilence(HeldAs(HoldKind::kProcess), stamp, reader, kNow), kCertainlyOver);
}

TEST(KnownSilenceTest, NothingIsKnownOfAnotherMachine) {
  StampTime stamp = StampedByAnEarlierBoot();
  stamp.machine = "elsewhere";
  EXPECT_EQ(KnownSilence(HeldAs(HoldKind::kProcess), stamp, ThisBoot(), kNow), 0s);
}

TEST(KnownSilenceTest, NothingIsKnownWithoutMachineIds) {
  StampTime stamp = StampedByAnEarlierBoot();
  stamp.machine.clear();
  BootIdentity reader = ThisBoot();
  reader.machine_id.clear();
  EXPECT_EQ(KnownSilence(HeldAs(HoldKind::kProcess), stamp, reader, kNow), 0s);
}

TEST(KnownSilenceTest, NothingIsKnownWithoutBootIds) {
  BootIdentity nowhere{.time_namespace = kInitial, .machine_id = "machine"};
  const StampTime unknown = StampedBy(nowhere, kNow - 7s);
  const StampTime known = StampedBy(ThisBoot(), kNow - 7s);
  EXPECT_EQ(KnownSilence(HeldAs(HoldKind::kProcess), unknown, nowhere, kNow), 0s);
  EXPECT_EQ(KnownSilence(HeldAs(HoldKind::kProcess), unknown, ThisBoot(), kNow), 0s);
  EXPECT_EQ(KnownSilence(HeldAs(HoldKind::kProcess), known, nowhere, kNow), 0s);
}

}  // namespace
}  // namespace monopod::store
