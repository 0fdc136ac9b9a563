#include "src/store/sqlite_store.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "src/store/test_support.h"

namespace monopod::store {
namespace {

namespace fs = std::filesystem;
using protocol::HoldKind;
using protocol::kCertainlyOver;
using protocol::Record;
using protocol::Seen;
using protocol::Snapshot;
using protocol::Version;
using namespace std::chrono_literals;

const BootIdentity kThisBoot{
    .boot_id = "boot-2", .time_namespace = 0xEFFFFFFA, .machine_id = "machine"};

class SqliteStoreTest : public testing::Test {
 protected:
  SqliteStoreTest() : store_(OpenOne()) {}

  std::unique_ptr<SqliteStore> OpenOne(const BootIdentity& identity = kThisBoot) {
    auto opened = SqliteStore::Open({.path = path_, .identity = identity});
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }

  Version Put(const std::string& name, const Record& record, const Version& expected = "") {
    const auto written = store_->Write(name, expected, record, Soon());
    EXPECT_TRUE(written) << written.error().message;
    return written ? written->version : "";
  }

  Snapshot Get(const std::string& name) {
    const auto read = store_->Read(name, Soon());
    EXPECT_TRUE(read) << read.error().message;
    return read ? *read : Snapshot{};
  }

  TempFolder folder_;
  const std::string path_ = folder_.Path("locks.db");
  std::unique_ptr<SqliteStore> store_;
};

TEST_F(SqliteStoreTest, RecordsOutliveTheStoreObject) {
  const Record record = FullRecord();
  const Version version = Put("deploy", record);
  store_.reset();
  store_ = OpenOne();
  EXPECT_EQ(Get("deploy").version, version);
  EXPECT_EQ(Get("deploy").record, record);
}

TEST_F(SqliteStoreTest, ARowReadsLikeProse) {
  Put("deploy", FullRecord());
  SqlShell shell(path_);
  EXPECT_EQ(shell.Run("SELECT phase, kind, holder, namespace, node, token, ttl_ms, kill_ms,"
                      " acquired, renewed, slots, resize_to FROM locks WHERE name = 'deploy'"),
            "recovering|detached|deploy-7f|build|node-3|41|15001|12002"
            "|2026-11-21T08:00:00.000001Z|2026-11-21T08:00:07.999999Z|5|2\n");
  Put("idle", Record{});
  EXPECT_EQ(shell.Run("SELECT phase, kind, acquired FROM locks WHERE name = 'idle'"),
            "free|process|\n");
}

TEST_F(SqliteStoreTest, APersonHoldsALockWithOneInsert) {
  SqlShell shell(path_);
  shell.Run(
      "INSERT INTO locks (name, phase, holder, acquired)"
      " VALUES ('deploy', 'held', 'anna', '2026-11-21T08:00:00.5Z')");
  const Snapshot snapshot = Get("deploy");
  EXPECT_TRUE(snapshot.exists());
  EXPECT_TRUE(snapshot.record.foreign);
  EXPECT_EQ(snapshot.record.holder.name, "anna");
  EXPECT_EQ(FormatWallTime(snapshot.record.acquired), "2026-11-21T08:00:00.500000Z");
  EXPECT_EQ(snapshot.known_silence, 0ns);
  EXPECT_EQ(store_->Write("deploy", "", HeldBy("a", 1), Soon()).error().code, ErrorCode::kConflict);
  Put("deploy", HeldBy("a", 1), snapshot.version);
  EXPECT_FALSE(Get("deploy").record.foreign);
}

TEST_F(SqliteStoreTest, AHandMadeRowCanBeRemovedAndMadeAgain) {
  SqlShell shell(path_);
  const char* insert = "INSERT INTO locks (name, phase, holder) VALUES ('deploy', 'held', 'anna')";
  shell.Run(insert);
  const Version first = Get("deploy").version;
  shell.Run("DELETE FROM locks");
  shell.Run(insert);
  EXPECT_NE(Get("deploy").version, first);
}

TEST_F(SqliteStoreTest, TimesThatPeopleBrokeReadAsNever) {
  Put("deploy", FullRecord());
  SqlShell shell(path_);
  for (const std::string time : {"yesterday", "2026-11-21T08:00:00", "2026-13-45T99:99:99Z",
                                 "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z"}) {
    shell.Run(fmt::format("UPDATE locks SET acquired = '{0}', renewed = '{0}'", time));
    EXPECT_EQ(Get("deploy").record.acquired, WallTime{}) << time;
    EXPECT_EQ(Get("deploy").record.renewed, WallTime{}) << time;
  }
}

// As docs/OPERATIONS.md tells those who must change a row by hand.
TEST_F(SqliteStoreTest, AHandMadeChangeWithItsOwnVersionIsSeen) {
  const Version first = Put("deploy", HeldBy("a", 1));
  const Version second = Put("other", HeldBy("a", 1));
  SqlShell(path_).Run(
      "UPDATE locks SET note = 'moved', version = (1 << 62) + abs(random() % (1 << 62))");
  EXPECT_EQ(store_->Write("deploy", first, HeldBy("a", 1), Soon()).error().code,
            ErrorCode::kConflict);
  EXPECT_EQ(Get("deploy").record.note, "moved");
  EXPECT_NE(Get("other").version, second);
  EXPECT_NE(Get("other").version, Get("deploy").version);
}

TEST_F(SqliteStoreTest, TheTableRefusesWhatNoMonopodCanRead) {
  Record negative = FullRecord();
  negative.ttl = -1ms;
  EXPECT_EQ(store_->Write("deploy", "", negative, Soon()).error().code,
            ErrorCode::kInvalidArgument);
  Record huge = FullRecord();
  huge.token = protocol::Token{1} << 63;
  EXPECT_EQ(store_->Write("deploy", "", huge, Soon()).error().code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(Get("deploy").exists());
}

TEST_F(SqliteStoreTest, ANewerFormatIsNeitherReadNorOverwritten) {
  const Version version = Put("deploy", FullRecord());
  SqlShell shell(path_);
  shell.Run("UPDATE locks SET format = 2, phase = 'shared'");
  const std::string before = shell.Run("SELECT * FROM locks");
  EXPECT_EQ(store_->Read("deploy", Soon()).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(store_->Write("deploy", version, FullRecord(), Soon()).error().code,
            ErrorCode::kUnsupported);
  EXPECT_EQ(store_->Write("deploy", "", FullRecord(), Soon()).error().code,
            ErrorCode::kUnsupported);
  EXPECT_EQ(store_->Remove("deploy", version, Soon()).error().code, ErrorCode::kUnsupported);
  const auto list = store_->List(Soon());
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(list.error().message.find("\"deploy\" has format 2"), std::string::npos)
      << list.error().message;
  EXPECT_EQ(shell.Run("SELECT * FROM locks"), before);
  Put("other", FullRecord());
}

TEST_F(SqliteStoreTest, AnUnknownWordIsNotGuessed) {
  Put("deploy", FullRecord());
  SqlShell(path_).Run("PRAGMA ignore_check_constraints=1; UPDATE locks SET phase = 'borrowed'");
  const auto read = store_->Read("deploy", Soon());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(read.error().message.find("borrowed"), std::string::npos);
}

TEST_F(SqliteStoreTest, TokensRiseOverWhateverWasWrittenByHand) {
  SqlShell shell(path_);
  Put("deploy", HeldBy("a", 4));
  shell.Run("UPDATE locks SET token = 90");
  EXPECT_EQ(Get("deploy").next_token, 91U);
  ASSERT_TRUE(store_->Remove("deploy", Get("deploy").version, Soon()));
  EXPECT_EQ(Get("deploy").next_token, 91U);
  Put("deploy", HeldBy("b", 91));
  shell.Run("UPDATE tokens SET last = 200; DELETE FROM locks");
  EXPECT_EQ(Get("deploy").next_token, 201U);
}

TEST_F(SqliteStoreTest, AMissingVersionCounterStopsWrites) {
  SqlShell(path_).Run("DELETE FROM counters");
  const auto written = store_->Write("deploy", "", FullRecord(), Soon());
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(written.error().message.find("counters"), std::string::npos);
}

TEST_F(SqliteStoreTest, TheTimeOfTheStampStaysWhileTheStampDoes) {
  SqlShell shell(path_);
  Record record = HeldBy("a", 1);
  const BootTime before = BootClock::now();
  Version version = Put("deploy", record);
  const BootTime after = BootClock::now();
  const auto stamped = [&] {
    return shell.Run("SELECT stamp_boot, stamp_machine, stamp_boottime_ns FROM locks");
  };
  const std::string first = stamped();
  EXPECT_EQ(first.substr(0, first.rfind('|')), "boot-2:4026531834|machine");
  const BootTime written(std::chrono::nanoseconds(std::stoll(first.substr(first.rfind('|') + 1))));
  EXPECT_LE(before, written);
  EXPECT_LE(written, after);

  // An observer on another machine leaves credit: the holder's own time stays.
  auto elsewhere = OpenOne({.boot_id = "boot-9", .machine_id = "elsewhere"});
  record.credit = 3s;
  const auto credited = elsewhere->Write("deploy", version, record, Soon());
  ASSERT_TRUE(credited);
  EXPECT_EQ(stamped(), first);

  record.stamp = "renewed";
  Put("deploy", record, credited->version);
  EXPECT_NE(stamped(), first);
}

TEST_F(SqliteStoreTest, OneBootJudgesSilenceAtOnce) {
  const BootTime before = BootClock::now();
  Put("deploy", HeldBy("a", 1));
  const auto silence = OpenOne()->Read("deploy", Soon())->known_silence;
  EXPECT_GE(silence, 0ns);
  EXPECT_LE(silence, BootClock::now() - before);

  SqlShell(path_).Run("UPDATE locks SET stamp_boottime_ns = stamp_boottime_ns - 1000000000000");
  EXPECT_GE(Get("deploy").known_silence, 1000s);
  EXPECT_GE(store_->List(Soon())->front().snapshot.known_silence, 1000s);
  // Clamped, since a stamp cannot be silent for less than no time.
  SqlShell(path_).Run("UPDATE locks SET stamp_boottime_ns = 9000000000000000000");
  EXPECT_EQ(Get("deploy").known_silence, 0ns);
}

TEST_F(SqliteStoreTest, AnEarlierBootsRecordsAreJudgedByTheirKind) {
  Record record = HeldBy("a", 1);
  Put("process", record);
  record.kind = HoldKind::kDetached;
  Put("detached", record);
  Put("free", {.owed_kill = 12s});
  SqlShell shell(path_);
  shell.Run("UPDATE locks SET stamp_boot = 'boot-1:4026531834'");
  EXPECT_EQ(Get("process").known_silence, kCertainlyOver);
  EXPECT_EQ(Get("free").known_silence, kCertainlyOver);
  const BootTime before = BootClock::now();
  const auto since_boot = Get("detached").known_silence;
  EXPECT_LE(before.time_since_epoch(), since_boot);
  EXPECT_LE(since_boot, BootClock::now().time_since_epoch());

  shell.Run("UPDATE locks SET stamp_machine = 'elsewhere'");
  for (const char* name : {"process", "detached", "free"}) {
    EXPECT_EQ(Get(name).known_silence, 0ns) << name;
  }
}

TEST_F(SqliteStoreTest, WithoutAnOverrideThisBootIsItsOwn) {
  const auto opened = SqliteStore::Open({.path = path_});
  ASSERT_TRUE(opened);
  ASSERT_TRUE((*opened)->Write("deploy", "", HeldBy("a", 1), Soon()));
  EXPECT_EQ(SqlShell(path_).Run("SELECT stamp_boot FROM locks"),
            ReadBootIdentity().ClockName() + "\n");
}

TEST_F(SqliteStoreTest, ARemovedFileIsNoticedByEveryCall) {
  const Version version = Put("deploy", HeldBy("a", 1));
  fs::remove(path_);
  EXPECT_EQ(store_->Read("deploy", Soon()).error().code, ErrorCode::kStoreReplaced);
  EXPECT_EQ(store_->Write("deploy", version, HeldBy("a", 1), Soon()).error().code,
            ErrorCode::kStoreReplaced);
  EXPECT_EQ(store_->List(Soon()).error().code, ErrorCode::kStoreReplaced);
  EXPECT_EQ(store_->Remove("deploy", version, Soon()).error().code, ErrorCode::kStoreReplaced);
  store_->AwaitChange({}, BootTime::max(), {});
}

TEST_F(SqliteStoreTest, AFileReplacedByAnotherStoreIsNoticed) {
  const Version version = Put("deploy", HeldBy("a", 1));
  {
    auto other = SqliteStore::Open({.path = folder_.Path("other.db")});
    ASSERT_TRUE(other);
  }
  fs::rename(folder_.Path("other.db"), path_);
  const auto renewed = store_->Write("deploy", version, HeldBy("a", 1), Soon());
  ASSERT_FALSE(renewed);
  EXPECT_EQ(renewed.error().code, ErrorCode::kStoreReplaced);
  EXPECT_NE(renewed.error().message.find(path_), std::string::npos) << renewed.error().message;
}

TEST_F(SqliteStoreTest, ALostWriteAheadLogIsNoticed) {
  Put("deploy", HeldBy("a", 1));
  fs::remove(path_ + "-wal");
  EXPECT_EQ(store_->Read("deploy", Soon()).error().code, ErrorCode::kStoreReplaced);
}

TEST_F(SqliteStoreTest, ARefusedWriteIntoARemovedFileLeavesNothingInIt) {
  const Version version = Put("deploy", HeldBy("a", 1));
  fs::rename(path_, folder_.Path("aside"));
  EXPECT_FALSE(store_->Write("deploy", version, HeldBy("b", 2), Soon()));
  fs::rename(folder_.Path("aside"), path_);
  EXPECT_EQ(Get("deploy").record.holder.instance, "a");
}

TEST_F(SqliteStoreTest, AStoreBehindALinkIsOneStore) {
  Put("deploy", HeldBy("a", 1));
  fs::create_symlink(path_, folder_.Path("link"));
  auto through_link = SqliteStore::Open({.path = folder_.Path("link")});
  ASSERT_TRUE(through_link) << through_link.error().message;
  EXPECT_EQ((*through_link)->Read("deploy", Soon())->record.holder.instance, "a");
  EXPECT_EQ(
      (*through_link)->Write("deploy", Get("deploy").version, HeldBy("b", 2), Soon())->next_token,
      3U);
  EXPECT_EQ(Get("deploy").record.holder.instance, "b");
}

TEST_F(SqliteStoreTest, UnlinkWakesAWaiter) {
  const Version version = Put("deploy", HeldBy("a", 1));
  const std::vector<Seen> seen{{.name = "deploy", .version = version}};
  std::jthread waiter([&] { store_->AwaitChange(seen, BootTime::max(), {}); });
  fs::remove(path_);
  waiter.join();
}

TEST_F(SqliteStoreTest, AnUnannouncedWriteWakesAWaiter) {
  SqlShell shell(path_);
  Version version = Put("deploy", HeldBy("a", 1));
  for (int round = 0; round < 5; ++round) {
    const std::vector<Seen> seen{{.name = "deploy", .version = version}};
    std::jthread waiter([&] { store_->AwaitChange(seen, BootTime::max(), {}); });
    shell.Run("UPDATE locks SET version = version + 1000");
    waiter.join();
    EXPECT_NE(Get("deploy").version, version);
    version = Get("deploy").version;
  }
}

TEST_F(SqliteStoreTest, WaitersDoNotBlockOtherCalls) {
  std::stop_source stop;
  {
    std::vector<std::jthread> waiters;
    for (int waiter = 0; waiter < 4; ++waiter) {
      waiters.emplace_back([&] {
        const std::vector<Seen> seen{{.name = "never", .version = ""}};
        store_->AwaitChange(seen, BootTime::max(), stop.get_token());
      });
    }
    Version version;
    for (protocol::Token token = 1; token <= 50; ++token) {
      version = Put("deploy", HeldBy("a", token), version);
    }
    stop.request_stop();
  }
  EXPECT_EQ(Get("deploy").next_token, 51U);
}

TEST_F(SqliteStoreTest, ABusyStoreIsUnavailableAtTheDeadline) {
  SqlShell shell(path_);
  shell.Run("BEGIN IMMEDIATE");
  const BootTime deadline = BootClock::now() + 20ms;
  EXPECT_EQ(store_->Write("deploy", "", HeldBy("a", 1), deadline).error().code,
            ErrorCode::kUnavailable);
  EXPECT_GE(BootClock::now(), deadline);
  EXPECT_TRUE(store_->Read("deploy", Soon()));
  shell.Run("ROLLBACK");
  Put("deploy", HeldBy("a", 1));
}

TEST_F(SqliteStoreTest, ACallBehindABusyOneGivesUpAtItsOwnDeadline) {
  SqlShell shell(path_);
  shell.Run("BEGIN IMMEDIATE");
  std::jthread first([&] { EXPECT_TRUE(store_->Write("a", "", HeldBy("a", 1), Soon())); });
  const auto second = store_->Write("b", "", HeldBy("b", 1), BootClock::now() + 20ms);
  ASSERT_FALSE(second);
  EXPECT_TRUE(second.error().code == ErrorCode::kDeadlineExceeded ||
              second.error().code == ErrorCode::kUnavailable);
  shell.Run("ROLLBACK");
  first.join();
}

}  // namespace
}  // namespace monopod::store
