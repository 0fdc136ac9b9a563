#include "src/kube/lease_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "src/kube/record_test_support.h"

namespace monopod::kube {
namespace {

using protocol::Phase;
using protocol::Record;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

const LeaseCodec kCodec;

Record Held() {
  return {.phase = Phase::kHeld,
          .holder = {.name = "pod-a", .node = "node-1", .instance = "n0nce", .purpose = "backup"},
          .token = 272028,
          .stamp = "s1",
          .edit = "e1",
          .origin = "o1",
          .ttl = 15s,
          .kill = 12s,
          .acquired = kEight,
          .renewed = kEight + 5s,
          .slots = 1};
}

Record Released() {
  Record free = Held();
  free.phase = Phase::kFree;
  free.holder = {};
  free.ttl = free.kill = 0ms;
  free.stamp = "s2";
  free.edit = "e2";
  free.renewed = kEight + 6s;
  return free;
}

const std::string kHeldJson = R"({
  "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
  "metadata": {"name": "x", "namespace": "default",
    "labels": {"app.kubernetes.io/managed-by": "monopod", "monopod.dev/lock": "x"},
    "annotations": {
      "monopod.dev/format": "1", "monopod.dev/phase": "held", "monopod.dev/kind": "process",
      "monopod.dev/holder": "pod-a", "monopod.dev/node": "node-1",
      "monopod.dev/instance": "n0nce", "monopod.dev/purpose": "backup",
      "monopod.dev/token": "272028", "monopod.dev/stamp": "s1", "monopod.dev/edit": "e1",
      "monopod.dev/origin": "o1", "monopod.dev/ttl-seconds": "15", "monopod.dev/kill-ms": "12000",
      "monopod.dev/acquired": "2026-11-21T08:00:00.000000Z",
      "monopod.dev/timestamp": "2026-11-21T08:00:05.000000Z",
      "monopod.dev/slots": "1", "monopod.dev/writes": "1",
      "monopod.dev/lease-transitions": "1",
      "monopod.dev/renew-time": "2026-11-21T08:00:05.000000Z"}},
  "spec": {"holderIdentity": "pod-a_n0nce", "leaseDurationSeconds": 15,
    "acquireTime": "2026-11-21T08:00:00.000000Z", "renewTime": "2026-11-21T08:00:05.000000Z",
    "leaseTransitions": 1}})";

// What client-go writes, keeping the rest of the object.
struct Elector {
  std::string identity;
  int duration = 15;
  int transitions = 0;
  std::string renew_time = "2026-11-21T09:00:00.123456Z";
};
Object WrittenBy(const Elector& elector, Object object) {
  object.SetText({"spec", "holderIdentity"}, elector.identity);
  object.SetInteger({"spec", "leaseDurationSeconds"}, elector.duration);
  object.SetInteger({"spec", "leaseTransitions"}, elector.transitions);
  object.SetText({"spec", "acquireTime"}, "2026-11-21T09:00:00.000000Z");
  object.SetText({"spec", "renewTime"}, elector.renew_time);
  return object;
}

TEST(LeaseRecordTest, AHoldIsWrittenForElectorsAndReadBack) {
  const Object object = MustWrite(kCodec, Held(), nullptr);
  ExpectJson(object, kHeldJson);
  EXPECT_EQ(MustDecode(kCodec, object), Held());
}

TEST(LeaseRecordTest, ALeaseMadeBeforeItIsHeldIsFreeForElectors) {
  const Record fresh{.stamp = "s0", .edit = "e0", .origin = "o1", .slots = 1};
  const Object object = MustWrite(kCodec, fresh, nullptr);
  EXPECT_FALSE(object.Has({"spec", "holderIdentity"}));
  EXPECT_FALSE(object.Has({"spec", "renewTime"}));
  EXPECT_EQ(MustDecode(kCodec, object), fresh);
}

TEST(LeaseRecordTest, AReleaseBlanksTheHolderAndCountsAsClean) {
  const Object held = Json(kHeldJson);
  const Object object = MustWrite(kCodec, Released(), &held);
  EXPECT_TRUE(object.Has({"spec", "holderIdentity"}));
  EXPECT_EQ(object.Text({"spec", "holderIdentity"}), "");
  EXPECT_EQ(object.Integer({"spec", "leaseDurationSeconds"}), 1);
  EXPECT_EQ(object.Integer({"spec", "leaseTransitions"}), 1);
  EXPECT_EQ(MustDecode(kCodec, object), Released());
}

TEST(LeaseRecordTest, EachHolderCountsAsATransition) {
  const Object held = Json(kHeldJson);
  const Object free = MustWrite(kCodec, Released(), &held);
  Record next = Held();
  next.holder.instance = "other";
  next.stamp = "s3";
  EXPECT_EQ(MustWrite(kCodec, next, &free).Integer({"spec", "leaseTransitions"}), 2);
  Record renewed = Held();
  renewed.stamp = "s4";
  EXPECT_EQ(MustWrite(kCodec, renewed, &held).Integer({"spec", "leaseTransitions"}), 1);
}

TEST(LeaseRecordTest, ARenewalAdvancesTheTimeByAWholeSecond) {
  const Object held = Json(kHeldJson);
  Record renewed = Held();
  renewed.stamp = "s2";
  renewed.renewed = kEight + 5s + 300ms;
  Object object = MustWrite(kCodec, renewed, &held);
  EXPECT_EQ(object.Text({"spec", "renewTime"}), "2026-11-21T08:00:06.000000Z");
  EXPECT_EQ(MustDecode(kCodec, object), renewed);
  renewed.stamp = "s3";
  renewed.renewed = kEight - 1h;  // a clock that is behind
  object = MustWrite(kCodec, renewed, &object);
  EXPECT_EQ(object.Text({"spec", "renewTime"}), "2026-11-21T08:00:07.000000Z");
  renewed.stamp = "s4";
  renewed.renewed = kEight + 20s + 5us;
  object = MustWrite(kCodec, renewed, &object);
  EXPECT_EQ(object.Text({"spec", "renewTime"}), "2026-11-21T08:00:20.000005Z");
  EXPECT_EQ(MustDecode(kCodec, object), renewed);
}

TEST(LeaseRecordTest, AWriteThatIsNoRenewalIsNoneForElectors) {
  const Object held = Json(kHeldJson);
  Record credited = Held();
  credited.credit = 5s;
  credited.edit = "e2";
  const Object object = MustWrite(kCodec, credited, &held);
  EXPECT_EQ(object.Text({"spec", "renewTime"}), "2026-11-21T08:00:05.000000Z");
  EXPECT_NE(object.Dump(), held.Dump());
  EXPECT_EQ(MustDecode(kCodec, object), credited);
}

TEST(LeaseRecordTest, ALeaseThatNobodyHeldIsFree) {
  for (const char* text :
       {R"({"metadata": {"uid": "u1"}})", R"({"metadata": {"uid": "u1"}, "spec": {}})",
        R"({"metadata": {"uid": "u1"}, "spec": {"leaseDurationSeconds": 15,
            "leaseTransitions": 0, "holderIdentity": ""}})"}) {
    const Record record = MustDecode(kCodec, Json(text));
    EXPECT_EQ(record.phase, Phase::kFree) << text;
    EXPECT_EQ(record.owed_kill, 0ms);
    EXPECT_EQ(record.origin, "u1");
  }
}

TEST(LeaseRecordTest, AnElectorsHoldIsForeignWithItsOwnDuration) {
  const Record record = MustDecode(
      kCodec, WrittenBy({.identity = "elector", .duration = 20}, Json(R"({"metadata": {}})")));
  EXPECT_TRUE(record.foreign);
  EXPECT_EQ(record.phase, Phase::kHeld);
  EXPECT_EQ(record.holder.name, "elector");
  EXPECT_EQ(record.ttl, 20s);
  EXPECT_EQ(record.renewed, kEight + 1h + 123'456us);
  EXPECT_EQ(record.acquired, kEight + 1h);
}

TEST(LeaseRecordTest, AnElectorThatTookItAfterOurReleaseOutweighsOurAnnotations) {
  const Object held = Json(kHeldJson);
  const Object free = MustWrite(kCodec, Released(), &held);
  Object theirs = WrittenBy({.identity = "elector", .transitions = 2}, free);
  Record record = MustDecode(kCodec, theirs);
  EXPECT_TRUE(record.foreign);
  EXPECT_EQ(record.holder.name, "elector");
  EXPECT_EQ(record.owed_kill, 0ms);
  EXPECT_EQ(record.token, 272029U) << "who breaks ours does not hit it";
  EXPECT_EQ(record.slots, 1);
  EXPECT_EQ(record.origin, "o1");
  const std::string stamp = record.stamp;
  theirs.SetText({"spec", "renewTime"}, "2026-11-21T09:00:02.000000Z");
  EXPECT_NE(MustDecode(kCodec, theirs).stamp, stamp);
  // It releases, as client-go does; our old mark is not its own.
  const Record blanked =
      MustDecode(kCodec, WrittenBy({.identity = "", .duration = 1, .transitions = 2}, theirs));
  EXPECT_EQ(blanked.phase, Phase::kHeld);
  EXPECT_TRUE(blanked.foreign);
  EXPECT_EQ(blanked.holder, Holder{});
  EXPECT_EQ(blanked.ttl, 1s);
}

TEST(LeaseRecordTest, APausedElectorThatBlanksOurHoldDoesNotEndItClean) {
  for (const int transitions : {0, 1}) {
    const Record record = MustDecode(
        kCodec,
        WrittenBy({.identity = "", .duration = 1, .transitions = transitions}, Json(kHeldJson)));
    EXPECT_TRUE(record.foreign) << transitions;
    EXPECT_EQ(record.phase, Phase::kHeld);
    EXPECT_EQ(record.ttl, 15s) << "the longest of both";
    EXPECT_EQ(record.owed_kill, 12s);
    EXPECT_EQ(record.holder.instance, "") << "the holder must see that it lost";
  }
}

TEST(LeaseRecordTest, AnOldReleaseMarkWithTheSameNumberOfTransitionsIsNoMark) {
  const Object held = Json(kHeldJson);
  const Object free = MustWrite(kCodec, Released(), &held);
  const Record record =
      MustDecode(kCodec, WrittenBy({.identity = "", .duration = 1, .transitions = 1}, free));
  EXPECT_EQ(record.phase, Phase::kHeld);
  EXPECT_TRUE(record.foreign);
}

TEST(LeaseRecordTest, AChangeBesideAForeignHoldLeavesItAlone) {
  for (const Object& base :
       {Json(kHeldJson), Json(R"({"metadata": {"uid": "u1", "name": "x"}})")}) {
    const Object theirs = WrittenBy({.identity = "elector", .transitions = 7}, base);
    Record record = MustDecode(kCodec, theirs);
    record.slots = 3;
    record.edit = "fence";
    const Object changed = MustWrite(kCodec, record, &theirs);
    EXPECT_EQ(changed.Child({"spec"})->Dump(), theirs.Child({"spec"})->Dump());
    EXPECT_EQ(MustDecode(kCodec, changed), record);
  }
}

// As for a ConfigMap, where the fuzzer found it: marks that are left of a deleted record.
TEST(LeaseRecordTest, AChangeBesideABlankedLeaseThatLostItsFormatDoesNotFreeIt) {
  const Object object = Json(R"({"metadata": {"name": "x", "uid": "u1", "annotations": {
      "monopod.dev/lease-transitions": "1",
      "monopod.dev/renew-time": "2026-11-21T08:00:05.000000Z"}},
    "spec": {"holderIdentity": "", "leaseDurationSeconds": 15, "leaseTransitions": 1,
      "acquireTime": "2026-11-21T08:00:00.000000Z", "renewTime": "2026-11-21T08:00:05.000000Z"}})");
  Record record = MustDecode(kCodec, object);
  EXPECT_TRUE(record.foreign);
  record.slots = 3;
  EXPECT_EQ(MustDecode(kCodec, MustWrite(kCodec, record, &object)), record);
}

TEST(LeaseRecordTest, BreakingAForeignHoldFreesTheLease) {
  const Object theirs = WrittenBy({.identity = "elector", .transitions = 7}, Json(kHeldJson));
  Record broken = MustDecode(kCodec, theirs);
  broken.phase = Phase::kFree;
  broken.foreign = false;
  broken.holder = {};
  broken.ttl = 0ms;
  broken.stamp = "s9";
  broken.renewed = kEight + 2h;
  broken.owed_kill = 0ms;
  const Object object = MustWrite(kCodec, broken, &theirs);
  EXPECT_EQ(object.Text({"spec", "holderIdentity"}), "");
  EXPECT_EQ(MustDecode(kCodec, object), broken);
}

Record Broken() {
  Record broken = Released();
  broken.owed_kill = 12s;
  return broken;
}

TEST(LeaseRecordTest, WhileWorkIsOwedElectorsWaitForIt) {
  const Object held = Json(kHeldJson);
  const Object object = MustWrite(kCodec, Broken(), &held);
  EXPECT_EQ(object.Text({"spec", "holderIdentity"}), "monopod-recovering_s2");
  EXPECT_EQ(object.Integer({"spec", "leaseDurationSeconds"}), 13) << "1.01 * 12.25 s";
  EXPECT_EQ(object.Text({"spec", "renewTime"}), "2026-11-21T08:00:06.000000Z");
  EXPECT_EQ(MustDecode(kCodec, object), Broken());
  Record resized = Broken();
  resized.slots = 3;
  resized.edit = "e3";
  const Object later = MustWrite(kCodec, resized, &object);
  EXPECT_EQ(later.Child({"spec"})->Dump(), object.Child({"spec"})->Dump()) << "they wait on";
  EXPECT_EQ(MustDecode(kCodec, later), resized);
  Record next = Held();
  next.holder.instance = "other";
  next.phase = Phase::kRecovering;
  next.stamp = "s3";
  next.owed_kill = 40s;
  const Object claimed = MustWrite(kCodec, next, &object);
  EXPECT_EQ(claimed.Text({"spec", "holderIdentity"}), "pod-a_other");
  EXPECT_EQ(claimed.Integer({"spec", "leaseDurationSeconds"}), 41) << "it may die meanwhile";
  EXPECT_EQ(MustDecode(kCodec, claimed), next);
}

TEST(LeaseRecordTest, ALeaseMadeAnewWithADebtIsNotFreeForElectors) {
  const Record fresh{.stamp = "s0", .edit = "e0", .origin = "o1", .owed_kill = 12s, .slots = 1};
  const Object object = MustWrite(kCodec, fresh, nullptr);
  EXPECT_EQ(object.Text({"spec", "holderIdentity"}), "monopod-recovering_s0");
  EXPECT_EQ(object.Integer({"spec", "leaseDurationSeconds"}), 13);
  EXPECT_EQ(MustDecode(kCodec, object), fresh);
}

TEST(LeaseRecordTest, WhatIsOwedStaysOwedWhenAnElectorTakesOrBlanksTheLease) {
  const Object held = Json(kHeldJson);
  const Object object = MustWrite(kCodec, Broken(), &held);
  const Record taken =
      MustDecode(kCodec, WrittenBy({.identity = "elector", .transitions = 2}, object));
  EXPECT_TRUE(taken.foreign);
  EXPECT_EQ(taken.holder.name, "elector");
  EXPECT_EQ(taken.owed_kill, 12s);
  const Record blanked =
      MustDecode(kCodec, WrittenBy({.identity = "", .duration = 1, .transitions = 1}, object));
  EXPECT_TRUE(blanked.foreign);
  EXPECT_EQ(blanked.phase, Phase::kHeld);
  EXPECT_EQ(blanked.owed_kill, 12s);
}

TEST(LeaseRecordTest, WhatOthersKeepThereSurvives) {
  const Object base = Json(R"({"metadata": {"name": "x", "labels": {"team": "a"},
    "annotations": {"note": "kept", "monopod.dev/other": "kept"}, "finalizers": ["f"]},
    "spec": {"later": {"field": 1}}})");
  const Object object = MustWrite(kCodec, Held(), &base);
  EXPECT_EQ(object.Text({"metadata", "labels", "team"}), "a");
  EXPECT_EQ(object.Text({"metadata", "annotations", "note"}), "kept");
  EXPECT_EQ(object.Text({"metadata", "annotations", "monopod.dev/other"}), "kept");
  EXPECT_EQ(object.Integer({"spec", "later", "field"}), 1);
  EXPECT_THAT(object.Dump(), HasSubstr(R"("finalizers":["f"])"));
}

TEST(LeaseRecordTest, CoordinatedLeaderElectionIsRefused) {
  for (const char* field : {"strategy", "preferredHolder"}) {
    Object object = Json(kHeldJson);
    object.SetText({"spec", field}, "OldestEmulationVersion");
    const Error error = MustRefuse(kCodec, object);
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(error.message, HasSubstr(std::string("Lease default/x has spec.") + field));
    EXPECT_FALSE(WriteObject(kCodec, Held(), {.namespace_ = "default", .name = "x"}, &object));
  }
}

TEST(LeaseRecordTest, NonsenseAndNewerFormatsAreRefused) {
  Object object = Json(kHeldJson);
  object.SetText({"metadata", "annotations", "monopod.dev/kill-ms"}, "soon");
  const Error error = MustRefuse(kCodec, object);
  EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.message, HasSubstr("metadata.annotations.monopod.dev/kill-ms is \"soon\""));
  object = Json(kHeldJson);
  object.SetText({"metadata", "annotations", "monopod.dev/format"}, "2");
  EXPECT_EQ(MustRefuse(kCodec, object).code, ErrorCode::kUnsupported);
}

TEST(LeaseRecordTest, AnyRecordComesBackOverAnyOther) {
  RandomRecords records(2);
  Object object = MustWrite(kCodec, records.Next(), nullptr);
  for (int round = 0; round < 2000; ++round) {
    const Record record = records.Next();
    object = MustWrite(kCodec, record, &object);
    ASSERT_EQ(MustDecode(kCodec, object), record) << object.Dump();
    if (round % 3 == 0) object = WrittenBy({.identity = "elector"}, object);
  }
}

}  // namespace
}  // namespace monopod::kube
