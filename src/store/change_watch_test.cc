#include "src/store/change_watch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "src/store/test_support.h"

namespace monopod::store {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Wake = ChangeWatch::Wake;

class ChangeWatchTest : public testing::Test {
 protected:
  ChangeWatchTest() {
    for (const std::string& path : {paths_.database, paths_.wal, paths_.shared_memory}) {
      WriteFile(path, "");
    }
    watch_ = ChangeWatch::Create({.first = 1ms, .longest = 4ms});
  }

  // The looks that follow a write, and the start of a subscription.
  void ExpectLooks() {
    for (int look = 0; look < 3; ++look) ASSERT_EQ(watch_->Wait(Soon(), {}), Wake::kLook);
  }

  void ArmAndSettle() {
    ASSERT_TRUE(watch_->Arm(paths_));
    ExpectLooks();
  }

  TempFolder folder_;
  const StorePaths paths_{.database = folder_.Path("db"),
                          .wal = folder_.Path("db-wal"),
                          .shared_memory = folder_.Path("db-shm")};
  std::unique_ptr<ChangeWatch> watch_;
};

TEST_F(ChangeWatchTest, LooksAFewTimesAfterItsStartThenOnlyWaits) {
  ASSERT_TRUE(watch_->Arm(paths_));
  ExpectLooks();
  EXPECT_EQ(watch_->Wait(BootClock::now() + 20ms, {}), Wake::kDeadline);
}

TEST_F(ChangeWatchTest, ADeadlineInThePastIsOver) {
  ASSERT_TRUE(watch_->Arm(paths_));
  EXPECT_EQ(watch_->Wait(BootClock::now(), {}), Wake::kDeadline);
  EXPECT_EQ(watch_->Wait(BootTime::min(), {}), Wake::kDeadline);
}

TEST_F(ChangeWatchTest, AnAnnouncementWakesAWaiter) {
  ArmAndSettle();
  const std::jthread other([&] { AnnounceChange(paths_.wal); });
  EXPECT_EQ(watch_->Wait(BootTime::max(), {}), Wake::kLook);
}

TEST_F(ChangeWatchTest, AnAnnouncementBeforeTheWaitIsNotLost) {
  ArmAndSettle();
  AnnounceChange(paths_.wal);
  EXPECT_EQ(watch_->Wait(Soon(), {}), Wake::kLook);
}

TEST_F(ChangeWatchTest, EarlierEventsAreForgotten) {
  ArmAndSettle();
  AnnounceChange(paths_.wal);
  fs::permissions(paths_.database, fs::perms::owner_all);
  ArmAndSettle();
  EXPECT_EQ(watch_->Wait(BootClock::now() + 20ms, {}), Wake::kDeadline);
}

TEST_F(ChangeWatchTest, AWriteThatNobodyAnnouncesIsNoticed) {
  const int open_file = open(paths_.wal.c_str(), O_WRONLY | O_CLOEXEC);
  for (int round = 0; round < 3; ++round) {
    ArmAndSettle();
    EXPECT_EQ(write(open_file, "frame", 5), 5);
    EXPECT_EQ(write(open_file, "frame", 5), 5);
    // It may take any time to become visible.
    ExpectLooks();
    EXPECT_EQ(watch_->Wait(BootClock::now() + 20ms, {}), Wake::kDeadline);
  }
  close(open_file);
}

TEST_F(ChangeWatchTest, UnlinkOfAnOpenDatabaseWakes) {
  const int open_file = open(paths_.database.c_str(), O_RDWR | O_CLOEXEC);
  ArmAndSettle();
  fs::remove(paths_.database);
  EXPECT_EQ(watch_->Wait(Soon(), {}), Wake::kLook);
  close(open_file);
}

TEST_F(ChangeWatchTest, ARenameOverTheDatabaseWakes) {
  const int open_file = open(paths_.database.c_str(), O_RDWR | O_CLOEXEC);
  ArmAndSettle();
  fs::rename(paths_.shared_memory, paths_.database);
  EXPECT_EQ(watch_->Wait(Soon(), {}), Wake::kLook);
  close(open_file);
}

TEST_F(ChangeWatchTest, MovingTheDatabaseAwayWakes) {
  ArmAndSettle();
  fs::rename(paths_.database, folder_.Path("elsewhere"));
  EXPECT_EQ(watch_->Wait(Soon(), {}), Wake::kLook);
}

TEST_F(ChangeWatchTest, StopWakesAndTheWatchCanBeUsedAgain) {
  for (int round = 0; round < 3; ++round) {
    ArmAndSettle();
    std::stop_source source;
    const std::jthread other([&] { source.request_stop(); });
    EXPECT_EQ(watch_->Wait(Soon(), source.get_token()), Wake::kStopped);
  }
  ArmAndSettle();
  EXPECT_EQ(watch_->Wait(BootClock::now() + 20ms, {}), Wake::kDeadline);
}

TEST_F(ChangeWatchTest, MissingFilesCannotBeWatched) {
  fs::remove(paths_.database);
  EXPECT_FALSE(watch_->Arm(paths_));
}

TEST_F(ChangeWatchTest, AnnouncingOnAMissingFileDoesNothing) {
  fs::remove(paths_.wal);
  AnnounceChange(paths_.wal);
  EXPECT_FALSE(fs::exists(paths_.wal));
}

}  // namespace
}  // namespace monopod::store
