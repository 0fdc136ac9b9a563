#include "monopod/fencing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/store/sqlite_connection.h"

namespace monopod {
namespace {

using ::testing::HasSubstr;

TEST(FencingTokenTest, RefusesALowerTokenThanItHasSeen) {
  auto fence = FencingToken::Make({.highest = 5});
  ASSERT_TRUE(fence);
  EXPECT_TRUE(fence->Check(5));
  EXPECT_TRUE(fence->Check(7));
  EXPECT_TRUE(fence->Check(7));
  const auto late = fence->Check(6);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kNotHolder);
  EXPECT_THAT(late.error().message, HasSubstr("6 is lower than 7"));
  EXPECT_EQ(fence->highest(), 7U);
}

TEST(FencingTokenTest, RefusesWhatNoHoldHas) {
  auto fence = FencingToken::Make({});
  ASSERT_TRUE(fence);
  const auto checked = fence->Check(0);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::kInvalidArgument);
}

TEST(FencingTokenTest, MeansNothingForSeveralSlots) {
  const auto token = FencingToken::Make({.slots = 3});
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(token.error().message, HasSubstr("not of 3"));
  const auto sql = SqlFence::Make({.slots = 2});
  ASSERT_FALSE(sql);
  EXPECT_EQ(sql.error().code, ErrorCode::kInvalidArgument);
}

class SqlFenceTest : public ::testing::Test {
 protected:
  SqlFenceTest() {
    auto opened = store::SqliteConnection::Open(":memory:");
    EXPECT_TRUE(opened) << opened.error().message;
    database_ = std::move(*opened);
  }

  void Create(const SqlFence& fence) {
    const auto created = database_->Run(fence.create.c_str());
    EXPECT_TRUE(created) << created.error().message;
  }

  bool Accepts(const SqlFence& fence, std::string_view lock, std::int64_t token) {
    auto check = store::SqliteStatement::Prepare(*database_, fence.check);
    EXPECT_TRUE(check) << check.error().message;
    if (!check) return false;
    const std::int64_t before = Changes();
    const auto done = store::SqliteExecution(*check, lock, token).Finish();
    EXPECT_TRUE(done) << done.error().message;
    return Changes() != before;
  }

  std::int64_t Changes() { return database_->QueryInteger("SELECT total_changes()").value_or(-1); }
  std::string Text(const char* sql) { return database_->QueryText(sql).value_or("(failed)"); }

  std::unique_ptr<store::SqliteConnection> database_;
};

TEST_F(SqlFenceTest, ChangesNoRowForALowerToken) {
  const auto fence = SqlFence::Make({});
  ASSERT_TRUE(fence);
  Create(*fence);
  EXPECT_TRUE(Accepts(*fence, "x", 5));
  EXPECT_TRUE(Accepts(*fence, "x", 5));
  EXPECT_TRUE(Accepts(*fence, "x", 9));
  EXPECT_FALSE(Accepts(*fence, "x", 8));
  EXPECT_TRUE(Accepts(*fence, "y", 1));  // of another lock
  EXPECT_EQ(Text("SELECT group_concat(lock || token) FROM monopod_fence"), "x9,y1");
}

TEST_F(SqlFenceTest, TakesAnyNameForItsTable) {
  EXPECT_FALSE(SqlFence::Make({.table = ""}));
  const auto fence = SqlFence::Make({.table = R"(a "b" c)"});
  ASSERT_TRUE(fence);
  Create(*fence);
  Create(*fence);
  EXPECT_TRUE(Accepts(*fence, "x", 5));
  EXPECT_FALSE(Accepts(*fence, "x", 4));
}

TEST_F(SqlFenceTest, ARowsOwnTokenColumnFencesTheRow) {
  ASSERT_TRUE(database_->Run(
      "CREATE TABLE jobs (id, state, token); INSERT INTO jobs VALUES (1, 'new', 0)"));
  const auto set_state = [this](std::string_view state, std::int64_t token) {
    auto update = store::SqliteStatement::Prepare(
        *database_, "UPDATE jobs SET state = ?1, token = ?2 WHERE id = ?3 AND token <= ?2");
    EXPECT_TRUE(update);
    EXPECT_TRUE(store::SqliteExecution(*update, state, token, 1).Finish());
  };
  set_state("of the new holder", 9);
  set_state("of the old holder", 5);
  EXPECT_EQ(Text("SELECT state FROM jobs"), "of the new holder");
}

}  // namespace
}  // namespace monopod
