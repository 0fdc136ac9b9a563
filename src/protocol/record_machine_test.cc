// What scenarios (testdata/) cannot say well: what differs from claim to claim.
#include "src/protocol/record_machine.h"

#include <gtest/gtest.h>

#include <set>

namespace monopod::protocol {
namespace {

using namespace std::chrono_literals;

Moment At(std::chrono::nanoseconds since_boot) { return {.boot = BootTime(since_boot)}; }

Claim MakeClaim(const std::string& instance) {
  return {.lock = "x", .holder = {.instance = instance}, .times = MakeTimes({}).value()};
}

Snapshot FreeRecord(int slots) {
  return {.version = "v1",
          .record = {.stamp = "s", .edit = "e", .origin = "o", .slots = slots},
          .next_token = 7};
}

// When a claim that landed at once, with this nonce as its stamp, is renewed for the first time,
// and then again.
std::pair<BootTime, BootTime> RenewalsAfter(const std::string& nonce) {
  RecordMachine machine(MakeClaim("me"), [&] { return nonce; });
  machine.Next(At(0s));
  machine.OnRead(FreeRecord(1), At(0s));
  machine.Next(At(0s));
  machine.OnWrite(Written{.version = "v2"}, At(0s), At(0s));
  machine.Next(At(0s));
  const BootTime first = std::get<AwaitAction>(machine.Next(At(0s))).until;
  const Moment then{.boot = first, .wall = {}};
  machine.Next(then);
  machine.OnWrite(Written{.version = "v3"}, then, then);
  return {first, std::get<AwaitAction>(machine.Next(then)).until};
}

TEST(RecordMachineTest, OnlyTheFirstRenewalIsEarlyByHalfAtMost) {
  std::set<BootTime> moments;
  for (const char digit : std::string("0123456789abcdef")) {
    const auto [first, second] = RenewalsAfter(std::string("nonce-") + digit);
    EXPECT_LE(first, BootTime(3750ms));
    EXPECT_GE(first, BootTime(1875ms));
    EXPECT_EQ(second, first + 3750ms);
    moments.insert(first);
  }
  EXPECT_EQ(moments.size(), 16U);
}

TEST(RecordMachineTest, CandidatesBeginTheirSearchAtDifferentSlots) {
  std::set<std::string> first_choices;
  for (int i = 0; i < 50; ++i) {
    RecordMachine machine(MakeClaim("instance-" + std::to_string(i)), [] { return "n0"; });
    machine.Next(At(0s));
    machine.OnRead(FreeRecord(3), At(0s));
    Action action = machine.Next(At(0s));
    while (const auto* read = std::get_if<ReadAction>(&action)) {
      machine.OnRead(FreeRecord(read->name == "x" ? 3 : 0), At(0s));
      action = machine.Next(At(0s));
    }
    first_choices.insert(std::get<WriteAction>(action).name);
  }
  EXPECT_EQ(first_choices, (std::set<std::string>{"x", "x.slot-1", "x.slot-2"}));
}

TEST(RecordMachineTest, ANumberOfSlotsBeyondTheLimitIsCutToIt) {
  RecordMachine machine(MakeClaim("me"), [] { return "n0"; });
  machine.Next(At(0s));
  Snapshot record = FreeRecord(1'000'000);
  record.record.phase = Phase::kHeld;
  record.record.ttl = 15s;
  std::set<std::string> names;
  Action action = ReadAction{.name = "x"};
  while (const auto* read = std::get_if<ReadAction>(&action)) {
    names.insert(read->name);
    machine.OnRead(record, At(0s));
    action = machine.Next(At(0s));
  }
  EXPECT_EQ(names.size(), 128U);
}

TEST(RecordMachineTest, TokenAndSlotAreThoseOfTheHold) {
  RecordMachine machine(MakeClaim("me"), [] { return "n0"; });
  EXPECT_EQ(machine.slot(), -1);
  EXPECT_FALSE(machine.tenure().has_value());
  machine.Next(At(0s));
  machine.OnRead(FreeRecord(1), At(0s));
  machine.Next(At(1s));
  machine.OnWrite(Written{.version = "v2"}, At(1s), At(2s));
  EXPECT_FALSE(machine.tenure().has_value()) << "nobody was told yet";
  machine.Next(At(2s));
  EXPECT_EQ(machine.slot(), 0);
  EXPECT_EQ(machine.token(), 7U);
  ASSERT_TRUE(machine.tenure().has_value());
  EXPECT_EQ(machine.tenure()->TermAt(), BootTime(10s));
  EXPECT_EQ(machine.tenure()->KillAt(), BootTime(13s));
}

// What is handed on says no more than the longest time that anything is ever waited for, however
// long the silence was: a sum of it must not overflow anywhere.
TEST(RecordMachineTest, TheCreditHandedOnIsBounded) {
  Claim claim = MakeClaim("me");
  claim.lock_delay = 200h;
  RecordMachine machine(claim, [] { return "n0"; });
  machine.Next(At(0s));
  Snapshot broken = FreeRecord(1);
  broken.record.owed_kill = 12s;
  broken.known_silence = 100h;
  machine.OnRead(broken, At(0s));
  ASSERT_EQ(std::get<WriteAction>(machine.Next(At(0s))).record.phase, Phase::kRecovering);
  machine.Stop(BootTime(10s));
  machine.OnWrite(Written{.version = "v2"}, At(0s), At(0s));
  const Record freed = std::get<WriteAction>(machine.Next(At(0s))).record;
  EXPECT_EQ(freed.phase, Phase::kFree);
  EXPECT_EQ(freed.owed_kill, 12s);
  EXPECT_EQ(freed.credit, 24h);
}

}  // namespace
}  // namespace monopod::protocol
