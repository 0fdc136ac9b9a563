#include "src/lock/record_update.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "src/store/memory_store.h"
#include "tests/support/faulty_store.h"

namespace monopod::lock {
namespace {

using namespace std::chrono_literals;
using protocol::Record;
using protocol::Snapshot;

class RecordUpdateTest : public ::testing::Test {
 protected:
  Result<Record> AddOneSlot(std::chrono::nanoseconds patience = 30s) {
    return UpdateRecord(
        store_, "x",
        [](const Snapshot& snapshot) -> Result<Record> {
          Record record = snapshot.record;
          ++record.slots;
          return record;
        },
        BootClock::now() + patience);
  }
  int Slots() { return store_.Read("x", BootClock::now() + 1s)->record.slots; }

  testing::FaultyStore store_{std::make_shared<store::MemoryStore>()};
};

TEST_F(RecordUpdateTest, AppliesAChangeOnce) {
  EXPECT_EQ(AddOneSlot()->slots, 1);
  EXPECT_EQ(AddOneSlot()->slots, 2);
  EXPECT_EQ(Slots(), 2);
}

TEST_F(RecordUpdateTest, ALostReplyIsReadBackAndNotAppliedAgain) {
  store_.lose_replies = 1;
  EXPECT_EQ(AddOneSlot()->slots, 1);
  EXPECT_EQ(Slots(), 1);
}

TEST_F(RecordUpdateTest, ALostRequestIsRepeated) {
  store_.lose_requests = 2;
  EXPECT_EQ(AddOneSlot()->slots, 1);
  EXPECT_EQ(Slots(), 1);
}

TEST_F(RecordUpdateTest, AWriteThatConflictsWithItselfHasLanded) {
  store_.repeat_requests = 1;
  EXPECT_EQ(AddOneSlot()->slots, 1);
  EXPECT_EQ(Slots(), 1);
}

TEST_F(RecordUpdateTest, TimeOutsSayWhetherSomethingMayHaveHappened) {
  store_.down = true;
  EXPECT_EQ(AddOneSlot(50ms).error().code, ErrorCode::kUnavailable);
  store_.down = false;
  store_.lose_requests = 1'000'000;
  EXPECT_EQ(AddOneSlot(50ms).error().code, ErrorCode::kIndeterminate);
}

TEST_F(RecordUpdateTest, AnErrorOfTheChangeEndsIt) {
  const auto refused = UpdateRecord(
      store_, "x",
      [](const Snapshot&) -> Result<Record> { return Fail(ErrorCode::kNotHolder, "not yours"); },
      BootClock::now() + 1s);
  EXPECT_EQ(refused.error().code, ErrorCode::kNotHolder);
}

TEST_F(RecordUpdateTest, ARecordThatNeedsNoChangeIsNotWritten) {
  ASSERT_TRUE(AddOneSlot().has_value());
  const protocol::Version before = store_.Read("x", BootClock::now() + 1s)->version;
  const auto same = UpdateRecord(
      store_, "x", [](const Snapshot& snapshot) -> Result<Record> { return snapshot.record; },
      BootClock::now() + 1s);
  EXPECT_TRUE(same.has_value());
  EXPECT_EQ(store_.Read("x", BootClock::now() + 1s)->version, before);
}

}  // namespace
}  // namespace monopod::lock
