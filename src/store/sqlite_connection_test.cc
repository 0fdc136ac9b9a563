#include "src/store/sqlite_connection.h"

#include <gtest/gtest.h>

#include <thread>

#include "src/store/deadline_mutex.h"
#include "src/store/test_support.h"

namespace monopod::store {
namespace {

using namespace std::chrono_literals;

class SqliteConnectionTest : public testing::Test {
 protected:
  SqliteConnectionTest() : connection_(OpenOne()) {
    EXPECT_TRUE(connection_->Run("PRAGMA journal_mode=WAL; CREATE TABLE t (a, b CHECK (b <> 13))"));
  }

  std::unique_ptr<SqliteConnection> OpenOne() {
    auto opened = SqliteConnection::Open(folder_.Path("db"));
    EXPECT_TRUE(opened);
    (*opened)->set_deadline(Soon());
    return std::move(*opened);
  }

  SqliteStatement Prepare(const char* sql) {
    auto prepared = SqliteStatement::Prepare(*connection_, sql);
    EXPECT_TRUE(prepared);
    return std::move(*prepared);
  }

  TempFolder folder_;
  std::unique_ptr<SqliteConnection> connection_;
};

TEST_F(SqliteConnectionTest, ValuesComeBackAsTheyWere) {
  const std::string text("zero \0 byte, ü", 14);
  SqliteStatement insert = Prepare("INSERT INTO t VALUES (?1, ?2)");
  ASSERT_TRUE(SqliteExecution(insert, text, std::int64_t{1} << 62).Finish());
  ASSERT_TRUE(SqliteExecution(insert, std::string_view(), -1).Finish());
  SqliteStatement select = Prepare("SELECT a, b, NULL FROM t ORDER BY rowid");
  SqliteExecution rows(select);
  ASSERT_TRUE(*rows.Next());
  EXPECT_EQ(rows.Text(0), text);
  EXPECT_EQ(rows.Integer(1), std::int64_t{1} << 62);
  EXPECT_TRUE(rows.IsNull(2));
  ASSERT_TRUE(*rows.Next());
  EXPECT_FALSE(rows.IsNull(0));
  EXPECT_EQ(rows.Text(0), "");
  EXPECT_EQ(rows.Integer(1), -1);
  EXPECT_FALSE(*rows.Next());
}

TEST_F(SqliteConnectionTest, AnExecutionLeavesNoReadTransactionOpen) {
  ASSERT_TRUE(connection_->Run("INSERT INTO t VALUES (1, 1), (2, 2)"));
  SqliteStatement select = Prepare("SELECT a FROM t");
  {
    SqliteExecution rows(select);
    ASSERT_TRUE(*rows.Next());
  }
  // The first column is 1 if a reader is in the way.
  EXPECT_EQ(SqlShell(folder_.Path("db")).Run("PRAGMA wal_checkpoint(TRUNCATE)"), "0|0|0\n");
}

TEST_F(SqliteConnectionTest, AnUncommittedTransactionLeavesNothing) {
  SqliteStatement begin = Prepare("BEGIN IMMEDIATE");
  {
    SqliteTransaction transaction(*connection_);
    ASSERT_TRUE(transaction.Begin(begin));
    ASSERT_TRUE(connection_->Run("INSERT INTO t VALUES (1, 1)"));
  }
  EXPECT_FALSE(connection_->InTransaction());
  EXPECT_EQ(*connection_->QueryInteger("SELECT count(*) FROM t"), 0);
}

TEST_F(SqliteConnectionTest, AWriterWaitsForTheLockUntilTheDeadline) {
  SqlShell other(folder_.Path("db"));
  other.Run("BEGIN IMMEDIATE");
  SqliteStatement begin = Prepare("BEGIN IMMEDIATE");
  SqliteTransaction transaction(*connection_);
  const BootTime deadline = BootClock::now() + 30ms;
  connection_->set_deadline(deadline);
  const auto refused = transaction.Begin(begin);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_GE(BootClock::now(), deadline);

  connection_->set_deadline(Soon());
  const std::jthread release([&] { other.Run("ROLLBACK"); });
  EXPECT_TRUE(transaction.Begin(begin));
}

TEST_F(SqliteConnectionTest, AValueThatTheTableRefusesIsInvalid) {
  const auto refused = connection_->Run("INSERT INTO t VALUES (1, 13)");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().message.find(folder_.Path("db")), std::string::npos);
}

TEST_F(SqliteConnectionTest, AnErrorInAStatementIsOurs) {
  EXPECT_EQ(connection_->Run("SELECT nonsense FROM nowhere").error().code, ErrorCode::kInternal);
}

TEST_F(SqliteConnectionTest, AFileThatCannotBeOpenedIsNamed) {
  const auto opened = SqliteConnection::Open(folder_.Path("missing/db"));
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find(folder_.Path("missing/db")), std::string::npos);
}

TEST_F(SqliteConnectionTest, AMovedFileIsNoticed) {
  EXPECT_FALSE(connection_->FileMoved());
  std::rename(folder_.Path("db").c_str(), folder_.Path("elsewhere").c_str());
  EXPECT_TRUE(connection_->FileMoved());
}

TEST(DeadlineMutexTest, AWaiterGivesUpAtItsDeadline) {
  DeadlineMutex mutex;
  const std::unique_lock first(mutex, Soon());
  ASSERT_TRUE(first.owns_lock());
  const BootTime deadline = BootClock::now() + 10ms;
  EXPECT_FALSE(std::unique_lock(mutex, deadline).owns_lock());
  EXPECT_GE(BootClock::now(), deadline);
}

TEST(DeadlineMutexTest, OneThreadAtATimeHoldsIt) {
  DeadlineMutex mutex;
  int count = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        for (int round = 0; round < 500; ++round) {
          const std::unique_lock lock(mutex, Soon());
          ++count;
        }
      });
    }
  }
  EXPECT_EQ(count, 2000);
}

}  // namespace
}  // namespace monopod::store
