#include "src/kube/config_map_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "src/kube/record_test_support.h"

namespace monopod::kube {
namespace {

using protocol::Phase;
using protocol::Record;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

const ConfigMapCodec kCodec;

Record Held() {
  return {.phase = Phase::kHeld,
          .holder = {.name = "pod-a",
                     .namespace_ = "build",
                     .node = "node-1",
                     .instance = "n0nce",
                     .purpose = "database backup"},
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

const std::string kHeldJson = R"({
  "apiVersion": "v1", "kind": "ConfigMap",
  "metadata": {"name": "x", "namespace": "default",
    "labels": {"app.kubernetes.io/managed-by": "monopod", "monopod.dev/lock": "x"}},
  "data": {
    "lock_holder": "pod-a", "lock_timestamp": "2026-11-21T08:00:05.000000Z",
    "lock_format": "1", "lock_phase": "held", "lock_kind": "process",
    "lock_namespace": "build", "lock_node": "node-1", "lock_instance": "n0nce",
    "lock_purpose": "database backup", "lock_token": "272028",
    "lock_stamp": "s1", "lock_edit": "e1", "lock_origin": "o1",
    "lock_ttl_seconds": "15", "lock_kill_ms": "12000",
    "lock_acquired": "2026-11-21T08:00:00.000000Z",
    "lock_slots": "1", "lock_writes": "1",
    "lock_written": "pod-a 2026-11-21T08:00:05.000000Z"}})";

TEST(ConfigMapRecordTest, AHoldIsWrittenForPeopleAndReadBack) {
  const Object object = MustWrite(kCodec, Held(), nullptr);
  ExpectJson(object, kHeldJson);
  EXPECT_EQ(MustDecode(kCodec, object), Held());
}

TEST(ConfigMapRecordTest, AReleaseBlanksTheHolderAndSaysWhen) {
  Record free = Held();
  free.phase = Phase::kFree;
  free.holder = {};
  free.ttl = free.kill = 0ms;
  free.stamp = "s2";
  free.renewed = kEight + 7s;
  const Object held = Json(kHeldJson);
  const Object object = MustWrite(kCodec, free, &held);
  EXPECT_TRUE(object.Has({"data", "lock_holder"}));
  EXPECT_EQ(object.Text({"data", "lock_holder"}), "");
  EXPECT_EQ(object.Text({"data", "lock_released"}), "2026-11-21T08:00:07.000000Z");
  EXPECT_FALSE(object.Has({"data", "lock_instance"}));
  EXPECT_EQ(object.Text({"data", "lock_writes"}), "2");
  EXPECT_EQ(MustDecode(kCodec, object), free);
}

TEST(ConfigMapRecordTest, WhatOthersKeepThereSurvives) {
  const Object base = Json(R"({"apiVersion": "v1", "kind": "ConfigMap",
    "metadata": {"name": "x", "namespace": "default", "uid": "u1", "resourceVersion": "7",
      "labels": {"app.kubernetes.io/managed-by": "Helm", "team": "a"},
      "annotations": {"note": "kept"}, "ownerReferences": [{"uid": "u2"}]},
    "binaryData": {"b": "AA=="},
    "data": {"lock_reason": "nightly", "other": "1", "lock_stamp": "old"}})");
  const Object object = MustWrite(kCodec, Held(), &base);
  EXPECT_EQ(object.Text({"metadata", "labels", "app.kubernetes.io/managed-by"}), "Helm");
  EXPECT_EQ(object.Text({"metadata", "labels", "monopod.dev/lock"}), "x");
  EXPECT_EQ(object.Text({"metadata", "labels", "team"}), "a");
  EXPECT_EQ(object.Text({"metadata", "annotations", "note"}), "kept");
  EXPECT_EQ(object.Text({"metadata", "resourceVersion"}), "7");
  EXPECT_EQ(object.Text({"metadata", "uid"}), "u1");
  EXPECT_THAT(object.Dump(), HasSubstr(R"("ownerReferences":[{"uid":"u2"}])"));
  EXPECT_EQ(object.Text({"binaryData", "b"}), "AA==");
  EXPECT_EQ(object.Text({"data", "lock_reason"}), "nightly");
  EXPECT_EQ(object.Text({"data", "other"}), "1");
  EXPECT_EQ(object.Text({"data", "lock_stamp"}), "s1");
}

TEST(ConfigMapRecordTest, EveryWriteChangesTheObject) {
  const Object first = MustWrite(kCodec, Held(), nullptr);
  EXPECT_NE(MustWrite(kCodec, Held(), &first).Dump(), first.Dump());
}

TEST(ConfigMapRecordTest, AHandWrittenLockIsForeign) {
  const Record record = MustDecode(kCodec, Json(R"({"metadata": {"name": "x", "uid": "u1"},
    "data": {"lock_holder": "worker-node-1", "lock_timestamp": "2026-11-21T08:00:00Z"}})"));
  EXPECT_TRUE(record.foreign);
  EXPECT_EQ(record.phase, Phase::kHeld);
  EXPECT_EQ(record.holder.name, "worker-node-1");
  EXPECT_EQ(record.renewed, kEight);
  EXPECT_EQ(record.ttl, 0ms);
  EXPECT_EQ(record.origin, "u1");
}

TEST(ConfigMapRecordTest, AForeignRenewalChangesTheStamp) {
  const auto stamp_at = [](const std::string& time) {
    return MustDecode(kCodec, Json(fmt::format(R"({{"data": {{"lock_holder": "w",
      "lock_timestamp": "{}"}}}})",
                                               time)))
        .stamp;
  };
  EXPECT_NE(stamp_at("12:00"), stamp_at("12:01"));
  EXPECT_EQ(stamp_at("12:00"), stamp_at("12:00"));
}

TEST(ConfigMapRecordTest, AnEmptyObjectIsFree) {
  for (const char* text :
       {R"({"metadata": {"uid": "u1"}})", R"({"data": {}})", R"({"data": {"lock_holder": ""}})",
        R"({"metadata": {"labels": {"app.kubernetes.io/managed-by": "monopod"}},
                               "data": {"hint": "a lock"}})"}) {
    const Record record = MustDecode(kCodec, Json(text));
    EXPECT_EQ(record.phase, Phase::kFree) << text;
    EXPECT_FALSE(record.foreign) << text;
    EXPECT_EQ(record.owed_kill, 0ms) << text;
  }
}

TEST(ConfigMapRecordTest, AScriptThatTakesAFreeLockHoldsIt) {
  Record free = Held();
  free.phase = Phase::kFree;
  free.holder = {};
  Object object = MustWrite(kCodec, free, nullptr);
  object.SetText({"data", "lock_holder"}, "script");
  Record record = MustDecode(kCodec, object);
  EXPECT_TRUE(record.foreign);
  EXPECT_EQ(record.holder.name, "script");
  EXPECT_EQ(record.owed_kill, 0ms);
  EXPECT_EQ(record.token, free.token + 1) << "who breaks ours does not hit it";
  EXPECT_EQ(record.origin, "o1");
  EXPECT_EQ(record.slots, 1);
  // What belongs to the lock can be changed beside that hold, which goes on.
  record.edit = "e2";
  record.slots = 3;
  const Object changed = MustWrite(kCodec, record, &object);
  EXPECT_EQ(MustDecode(kCodec, changed), record);
  EXPECT_EQ(changed.Text({"data", "lock_holder"}), "script");
  // And it ends it by blanking the name.
  object.SetText({"data", "lock_holder"}, "");
  object.SetText({"data", "lock_timestamp"}, "later");
  record = MustDecode(kCodec, object);
  EXPECT_EQ(record.phase, Phase::kFree);
  EXPECT_EQ(record.owed_kill, 0ms);
}

TEST(ConfigMapRecordTest, AChangeBesideAnEntirelyForeignHoldIsReadBack) {
  const Object object = Json(R"({"metadata": {"name": "x", "uid": "u1"},
    "data": {"lock_holder": "script"}})");
  Record record = MustDecode(kCodec, object);
  record.slots = 2;
  EXPECT_EQ(MustDecode(kCodec, MustWrite(kCodec, record, &object)), record);
}

// Found by the fuzzer: somebody deletes lock_format and lock_instance and leaves the rest. The hold
// is foreign then. A change beside it put a format back, of a free lock, with which the old
// lock_written still agreed: the lock was free while its holder worked.
TEST(ConfigMapRecordTest, AChangeBesideAHoldThatLostItsFormatDoesNotFreeIt) {
  const Object object = Json(R"({"metadata": {"name": "x", "uid": "u1"},
    "data": {"lock_holder": "pod-a", "lock_timestamp": "2026-11-21T08:00:05.000000Z",
      "lock_phase": "held", "lock_written": "pod-a 2026-11-21T08:00:05.000000Z"}})");
  Record record = MustDecode(kCodec, object);
  EXPECT_TRUE(record.foreign);
  record.slots = 2;
  EXPECT_EQ(MustDecode(kCodec, MustWrite(kCodec, record, &object)), record);
}

TEST(ConfigMapRecordTest, AHoldEndedByHandIsOwed) {
  Object blanked = Json(kHeldJson);
  blanked.SetText({"data", "lock_holder"}, "");
  const Record free = MustDecode(kCodec, blanked);
  EXPECT_EQ(free.phase, Phase::kFree);
  EXPECT_EQ(free.owed_kill, 12s);
  EXPECT_NE(free.stamp, "s1");
  Object stolen = Json(kHeldJson);
  stolen.SetText({"data", "lock_holder"}, "script");
  const Record foreign = MustDecode(kCodec, stolen);
  EXPECT_TRUE(foreign.foreign);
  EXPECT_EQ(foreign.holder.instance, "");
  EXPECT_EQ(foreign.owed_kill, 12s);
}

TEST(ConfigMapRecordTest, WhileWorkIsOwedScriptsSeeAHolder) {
  Record broken = Held();
  broken.phase = Phase::kFree;
  broken.holder = {};
  broken.ttl = broken.kill = 0ms;
  broken.owed_kill = 12s;
  broken.stamp = "s2";
  const Object held = Json(kHeldJson);
  Object object = MustWrite(kCodec, broken, &held);
  EXPECT_EQ(object.Text({"data", "lock_holder"}), "monopod-recovering");
  EXPECT_EQ(MustDecode(kCodec, object), broken);
  for (const char* name : {"script", ""}) {
    object.SetText({"data", "lock_holder"}, name);
    const Record theirs = MustDecode(kCodec, object);
    EXPECT_EQ(theirs.foreign, *name != '\0');
    EXPECT_EQ(theirs.holder.name, name);
    EXPECT_EQ(theirs.owed_kill, 12s);
  }
}

TEST(ConfigMapRecordTest, NonsenseIsRefusedByObjectAndField) {
  struct Case {
    const char* field;
    const char* text;
  };
  for (const Case& each : std::vector<Case>{{"lock_phase", "maybe"},
                                            {"lock_kind", "odd"},
                                            {"lock_token", "many"},
                                            {"lock_token", "-1"},
                                            {"lock_token", "99999999999999999999999"},
                                            {"lock_ttl_seconds", "15s"},
                                            {"lock_ttl_seconds", "-15"},
                                            {"lock_ttl_seconds", "15."},
                                            {"lock_ttl_seconds", ""},
                                            {"lock_kill_ms", "999999999999999"},
                                            {"lock_kill_ms", ""},
                                            {"lock_owed_ms", "1.5"},
                                            {"lock_slots", "129"},
                                            {"lock_format", "one"},
                                            {"lock_format", "0"}}) {
    Object object = Json(kHeldJson);
    object.SetText({"data", each.field}, each.text);
    const Error error = MustRefuse(kCodec, object);
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument) << each.field << each.text;
    EXPECT_THAT(error.message, HasSubstr("ConfigMap default/x"));
    EXPECT_THAT(error.message, HasSubstr(std::string("data.") + each.field));
  }
}

TEST(ConfigMapRecordTest, ANewerFormatIsRefused) {
  Object object = Json(kHeldJson);
  object.SetText({"data", "lock_format"}, "2");
  EXPECT_EQ(MustRefuse(kCodec, object).code, ErrorCode::kUnsupported);
}

TEST(ConfigMapRecordTest, SomebodysConfigurationIsNoLock) {
  const Error error =
      MustRefuse(kCodec, Json(R"({"metadata": {"name": "x"}, "data": {"nginx.conf": "..."}})"));
  EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.message, HasSubstr("is no lock"));
}

TEST(ConfigMapRecordTest, AnImmutableObjectKeepsNoLock) {
  const Object base = Json(R"({"metadata": {"name": "x"}, "immutable": true})");
  const auto written = WriteObject(kCodec, Held(), {.namespace_ = "default", .name = "x"}, &base);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(written.error().message, HasSubstr("immutable"));
}

TEST(ConfigMapRecordTest, AnyRecordComesBackOverAnyOther) {
  RandomRecords records(1);
  Object object = MustWrite(kCodec, records.Next(), nullptr);
  for (int round = 0; round < 2000; ++round) {
    const Record record = records.Next();
    object = MustWrite(kCodec, record, &object);
    ASSERT_EQ(MustDecode(kCodec, object), record) << object.Dump();
  }
}

TEST(RecordCodecTest, ATokenIsAboveTheLastOneAndTheVersion) {
  Object object = Json(kHeldJson);
  object.SetText({"metadata", "resourceVersion"}, "9");
  EXPECT_EQ(ReadObject(kCodec, object)->snapshot.next_token, 272029U);
  object.SetText({"metadata", "resourceVersion"}, "300000");
  EXPECT_EQ(ReadObject(kCodec, object)->snapshot.next_token, 300000U);
  EXPECT_EQ(ReadObject(kCodec, object)->snapshot.version, "300000");
  object.SetText({"metadata", "resourceVersion"}, "v1");
  EXPECT_EQ(ReadObject(kCodec, object).error().code, ErrorCode::kUnsupported);
}

TEST(RecordCodecTest, ALongLockNameMakesAShortLabel) {
  const std::string name(60, 'a');
  EXPECT_EQ(LockLabelValue(name), name);
  const std::string longer = LockLabelValue(std::string(200, 'a'));
  EXPECT_EQ(longer.size(), 63U);
  EXPECT_NE(longer, LockLabelValue(std::string(199, 'a')));
}

}  // namespace
}  // namespace monopod::kube
