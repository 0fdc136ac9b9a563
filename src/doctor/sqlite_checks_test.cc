#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/doctor/sqlite_doctor.h"
#include "src/store/sqlite_schema.h"

namespace monopod::doctor {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

const WallTime kNow = WallTime{} + std::chrono::hours(24 * 365 * 50);

SqliteFacts Healthy() {
  return {.path = "/var/lib/monopod/monopod.db",
          .now = kNow,
          .exists = true,
          .free_bytes = std::int64_t{1} << 40,
          .application_id = store::kApplicationId,
          .layout = store::kLayoutVersion,
          .journal_mode = "wal"};
}

protocol::Listed Held() {
  protocol::Listed listed{.name = "x"};
  listed.snapshot.version = "1";
  listed.snapshot.record = {.phase = protocol::Phase::kHeld,
                            .holder = {.name = "web-0"},
                            .token = 7,
                            .ttl = 15s,
                            .kill = 12s,
                            .slots = 1};
  return listed;
}

Finding Only(const SqliteFacts& facts) {
  const Findings findings = CheckSqlite(facts);
  EXPECT_EQ(findings.size(), 1U);
  return findings.empty() ? Finding{} : findings.front();
}

TEST(SqliteChecksTest, NothingIsFoundInAHealthyStore) {
  SqliteFacts facts = Healthy();
  facts.records = {Held()};
  EXPECT_THAT(CheckSqlite(facts), IsEmpty());
}

TEST(SqliteChecksTest, AHangingDiskIsCritical) {
  const Finding finding = Only({.path = "/x", .stuck_at = "looking at the file"});
  EXPECT_EQ(finding.check, "disk");
  EXPECT_EQ(finding.severity, Severity::kCritical);
  EXPECT_THAT(finding.message, HasSubstr("looking at the file"));
}

TEST(SqliteChecksTest, APlaceThatCannotBeUsedIsCritical) {
  SqliteFacts facts{.path = "/x"};
  facts.location = Error{ErrorCode::kInvalidArgument, "is on an NFS file system"};
  EXPECT_EQ(Only(facts).check, "file");
  EXPECT_EQ(Only(facts).severity, Severity::kCritical);
  facts.location->code = ErrorCode::kDenied;
  EXPECT_THAT(Only(facts).remedy, HasSubstr("rights"));
}

TEST(SqliteChecksTest, AMissingFileIsAWarning) {
  const Finding finding = Only({.path = "/x", .free_bytes = std::int64_t{1} << 40});
  EXPECT_EQ(finding.check, "file");
  EXPECT_EQ(finding.severity, Severity::kWarning);
}

TEST(SqliteChecksTest, LittleSpaceIsAWarningAndNoneIsCritical) {
  SqliteFacts facts = Healthy();
  facts.free_bytes = std::int64_t{10} * 1024 * 1024;
  EXPECT_EQ(Only(facts).check, "space");
  EXPECT_EQ(Only(facts).severity, Severity::kWarning);
  facts.free_bytes = std::int64_t{100} * 1024;
  EXPECT_EQ(Only(facts).severity, Severity::kCritical);
}

TEST(SqliteChecksTest, WhatIsNoStoreOfThisMonopodIsCritical) {
  SqliteFacts facts = Healthy();
  facts.application_id = 1;
  EXPECT_EQ(Only(facts).check, "format");
  EXPECT_THAT(Only(facts).message, HasSubstr("another program"));
  facts = Healthy();
  facts.layout = store::kLayoutVersion + 1;
  EXPECT_THAT(Only(facts).remedy, HasSubstr("upgrade"));
  facts = Healthy();
  facts.opened = Error{ErrorCode::kUnavailable, "disk I/O error"};
  EXPECT_EQ(Only(facts).check, "open");
}

TEST(SqliteChecksTest, DamageAndAnotherJournalModeAreNamed) {
  SqliteFacts facts = Healthy();
  facts.damage = "row 1 missing from index";
  EXPECT_EQ(Only(facts).check, "damage");
  EXPECT_EQ(Only(facts).severity, Severity::kCritical);
  facts = Healthy();
  facts.journal_mode = "delete";
  EXPECT_EQ(Only(facts).check, "journal");
  EXPECT_EQ(Only(facts).severity, Severity::kWarning);
  facts = Healthy();
  facts.listed = Error{ErrorCode::kUnsupported, "a newer monopod wrote it"};
  EXPECT_EQ(Only(facts).check, "read");
}

TEST(SqliteChecksTest, ASilentHoldIsStuckAndTheCommandDependsOnTheSlots) {
  SqliteFacts facts = Healthy();
  facts.records = {Held()};
  facts.records[0].snapshot.known_silence = 16s;
  EXPECT_EQ(Only(facts).check, "stuck");
  EXPECT_EQ(Only(facts).subject, "x");
  EXPECT_THAT(Only(facts).message, HasSubstr("silent for 16s"));
  EXPECT_THAT(Only(facts).remedy, HasSubstr("monopod run x --no-wait -- true"));
  facts.records[0].name = "x.slot-2";
  EXPECT_THAT(Only(facts).remedy, HasSubstr("monopod break x --token 7 --slot 2"));
  facts.records[0].snapshot.known_silence = protocol::kCertainlyOver;
  EXPECT_THAT(Only(facts).message, HasSubstr("started anew"));
  facts.records[0].snapshot.record.foreign = true;
  EXPECT_THAT(CheckSqlite(facts), IsEmpty());
}

TEST(SqliteChecksTest, AStickyHoldIsOldAfterADayAndNeverStuck) {
  SqliteFacts facts = Healthy();
  facts.records = {Held()};
  facts.records[0].snapshot.known_silence = 48h;
  facts.records[0].snapshot.record.kind = protocol::HoldKind::kSticky;
  facts.records[0].snapshot.record.acquired = kNow - 23h;
  EXPECT_THAT(CheckSqlite(facts), IsEmpty());
  facts.records[0].snapshot.record.acquired = kNow - 25h;
  EXPECT_EQ(Only(facts).check, "sticky");
  EXPECT_THAT(Only(facts).remedy, HasSubstr("monopod break x --token 7"));
}

TEST(SqliteChecksTest, AResizeThatIsNotDoneIsNamed) {
  SqliteFacts facts = Healthy();
  facts.records = {Held()};
  facts.records[0].snapshot.record.resize_to = 2;
  EXPECT_EQ(Only(facts).check, "resize");
  EXPECT_THAT(Only(facts).remedy, HasSubstr("monopod resize x --slots 2"));
}

}  // namespace
}  // namespace monopod::doctor
