#include "src/store/sqlite_schema.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "src/store/test_support.h"

namespace monopod::store {
namespace {

namespace fs = std::filesystem;

class SqliteSchemaTest : public testing::Test {
 protected:
  Result<void> Ensure() {
    auto connection = SqliteConnection::Open(path_);
    if (!connection) return Fail(connection.error());
    (*connection)->set_deadline(Soon());
    return EnsureSchema(**connection);
  }

  void ExpectRefusedUntouched(ErrorCode code, const std::string& why) {
    const std::string before = FileBytes(path_);
    const auto ensured = Ensure();
    ASSERT_FALSE(ensured);
    EXPECT_EQ(ensured.error().code, code) << ensured.error().message;
    EXPECT_NE(ensured.error().message.find(why), std::string::npos) << ensured.error().message;
    EXPECT_NE(ensured.error().message.find(path_), std::string::npos) << ensured.error().message;
    EXPECT_EQ(FileBytes(path_), before);
  }

  TempFolder folder_;
  const std::string path_ = folder_.Path("db");
};

TEST_F(SqliteSchemaTest, ANewFileBecomesAStoreThatSyncsEachCommit) {
  auto connection = SqliteConnection::Open(path_);
  ASSERT_TRUE(connection);
  (*connection)->set_deadline(Soon());
  ASSERT_TRUE(EnsureSchema(**connection));
  EXPECT_EQ(*(*connection)->QueryText("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(*(*connection)->QueryInteger("PRAGMA synchronous"), 2);
  EXPECT_EQ(*(*connection)->QueryInteger("PRAGMA application_id"), kApplicationId);
  EXPECT_EQ(*(*connection)->QueryInteger("PRAGMA user_version"), kLayoutVersion);
  EXPECT_EQ(*(*connection)->QueryInteger("SELECT count(*) FROM locks"), 0);
}

TEST_F(SqliteSchemaTest, AStoreStaysAsItIs) {
  ASSERT_TRUE(Ensure());
  SqlShell(path_).Run("INSERT INTO tokens VALUES ('deploy', 7)");
  ASSERT_TRUE(Ensure());
  EXPECT_EQ(SqlShell(path_).Run("SELECT last FROM tokens"), "7\n");
}

TEST_F(SqliteSchemaTest, AnEmptyFileBecomesAStore) {
  WriteFile(path_, "");
  EXPECT_TRUE(Ensure());
}

TEST_F(SqliteSchemaTest, AStoreThatLeftTheWriteAheadLogIsBroughtBack) {
  ASSERT_TRUE(Ensure());
  SqlShell(path_).Run("PRAGMA journal_mode=DELETE");
  ASSERT_TRUE(Ensure());
  EXPECT_EQ(SqlShell(path_).Run("PRAGMA journal_mode"), "wal\n");
}

TEST_F(SqliteSchemaTest, WhatIsNoDatabaseIsRefused) {
  for (const std::string& bytes : {std::string("hello"), std::string(8192, 'x')}) {
    WriteFile(path_, bytes);
    ExpectRefusedUntouched(ErrorCode::kInvalidArgument, "not a database");
  }
}

TEST_F(SqliteSchemaTest, AnotherProgramsTablesAreRefused) {
  SqlShell(path_).Run("CREATE TABLE accounts (id)");
  ExpectRefusedUntouched(ErrorCode::kInvalidArgument, "another program");
  EXPECT_FALSE(fs::exists(path_ + "-wal"));
  EXPECT_EQ(SqlShell(path_).Run("PRAGMA journal_mode"), "delete\n");
}

TEST_F(SqliteSchemaTest, AnotherProgramsMarksAreRefusedWithoutTables) {
  SqlShell(path_).Run("PRAGMA application_id=1234");
  ExpectRefusedUntouched(ErrorCode::kInvalidArgument, "another program");
}

TEST_F(SqliteSchemaTest, AnotherProgramsUserVersionIsRefusedWithoutTables) {
  SqlShell(path_).Run("PRAGMA user_version=3");
  ExpectRefusedUntouched(ErrorCode::kInvalidArgument, "another program");
}

TEST_F(SqliteSchemaTest, AnotherProgramsWriteAheadLogIsNotMerged) {
  {
    SqlShell shell(folder_.Path("live"));
    shell.Run("PRAGMA journal_mode=WAL; CREATE TABLE accounts (id)");
    // As a program that crashed leaves its files.
    fs::copy(folder_.Path("live"), path_);
    fs::copy(folder_.Path("live-wal"), path_ + "-wal");
  }
  const std::string log = FileBytes(path_ + "-wal");
  ExpectRefusedUntouched(ErrorCode::kInvalidArgument, "another program");
  EXPECT_EQ(FileBytes(path_ + "-wal"), log);
}

TEST_F(SqliteSchemaTest, ANewerLayoutIsRefused) {
  ASSERT_TRUE(Ensure());
  SqlShell(path_).Run("PRAGMA user_version=2");
  ExpectRefusedUntouched(ErrorCode::kUnsupported, "layout 2");
}

TEST_F(SqliteSchemaTest, AFileThatIsBusyUntilTheDeadlineIsUnavailable) {
  ASSERT_TRUE(Ensure());
  SqlShell shell(path_);
  shell.Run("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE");
  auto connection = SqliteConnection::Open(path_);
  ASSERT_TRUE(connection);
  (*connection)->set_deadline(BootClock::now() + std::chrono::milliseconds(20));
  EXPECT_EQ(EnsureSchema(**connection).error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace monopod::store
