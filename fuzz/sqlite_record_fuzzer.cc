// A row of a store's file, as whoever has the sqlite3 shell can write it: a line a column, in the
// order in which they are read. What is read can be written back into a real store, and then reads
// the same.
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "fuzz/check.h"
#include "fuzz/pieces.h"
#include "src/store/sqlite_connection.h"
#include "src/store/sqlite_record.h"
#include "src/store/sqlite_schema.h"

namespace monopod::store {

using monopod::fuzz::Check;

namespace {

constexpr std::size_t kColumns = 28;
using Texts = std::array<std::string_view, kColumns>;

template <class Value>
Value Must(Result<Value> result) {
  Check(result.has_value());
  return std::move(*result);
}

// A file of its own, gone with the process. Every transaction on it is rolled back.
class Database {
 public:
  Database() {
    Check(mkdtemp(folder_.data()) != nullptr);
    connection_ = Must(SqliteConnection::Open(folder_ + "/locks.db"));
    Check(EnsureSchema(*connection_).has_value());
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() {
    connection_.reset();
    std::filesystem::remove_all(folder_);
  }
  SqliteConnection& connection() { return *connection_; }

 private:
  std::string folder_ = "/tmp/monopod-fuzz.XXXXXX";
  std::unique_ptr<SqliteConnection> connection_;
};

// A statement whose one row has ?1, ?2, ... with the types of a real one.
std::string SelectGiven() {
  // The token counter and the version onwards; an empty format stands for no record.
  static constexpr std::array<std::size_t, 10> kIntegers = {1, 3, 11, 15, 16, 17, 18, 22, 23, 27};
  std::string sql = "SELECT ";
  for (std::size_t column = 0; column < kColumns; ++column) {
    const std::string parameter = "?" + std::to_string(column + 1);
    if (column > 0) sql += ", ";
    const bool is_integer =
        std::find(kIntegers.begin(), kIntegers.end(), column) != kIntegers.end();
    if (column == 2) {
      sql += "CAST(nullif(" + parameter + ", '') AS INTEGER)";
    } else {
      sql += is_integer ? "CAST(" + parameter + " AS INTEGER)" : parameter;
    }
  }
  return sql;
}

Result<RowRead> ReadGiven(SqliteStatement& select, const Texts& texts) {
  return std::apply(
      [&](const auto&... text) {
        SqliteExecution execution(select, text...);
        Check(Must(execution.Next()));
        return ReadRow(execution);
      },
      texts);
}

void CheckSame(const Row& one, Row other) {
  Check(one.name == other.name && one.version == other.version);
  // A foreign holder's stamp is its time as it was written, which need not be our way.
  if (other.record.foreign) other.record.stamp = one.record.stamp;
  Check(one.record == other.record);
  Check(one.stamp.clock == other.stamp.clock && one.stamp.written == other.stamp.written);
}

void CheckWrittenBack(SqliteConnection& connection, const Row& row) {
  static SqliteStatement begin = Must(SqliteStatement::Prepare(connection, "BEGIN IMMEDIATE"));
  static SqliteStatement put = Must(SqliteStatement::Prepare(connection, PutRow()));
  static SqliteStatement select = Must(SqliteStatement::Prepare(connection, SelectOneRow()));
  SqliteTransaction transaction(connection);
  Check(transaction.Begin(begin).has_value());
  const auto written = WriteRow(put, row);
  if (!written) {
    // The table's own checks.
    Check(written.error().code == ErrorCode::kInvalidArgument);
    return;
  }
  SqliteExecution execution(select, row.name);
  Check(Must(execution.Next()));
  CheckSame(Must(ReadRow(execution)).row, row);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Database database;
  static SqliteStatement select =
      Must(SqliteStatement::Prepare(database.connection(), SelectGiven()));
  Texts texts;
  std::size_t column = 0;
  monopod::fuzz::ForEachPiece({reinterpret_cast<const char*>(data), size}, "\n",
                              [&](std::string_view line) {
                                if (column < kColumns) texts.at(column++) = line;
                              });
  const auto read = ReadGiven(select, texts);
  if (!read) {
    Check(read.error().code == ErrorCode::kUnsupported);
    return 0;
  }
  if (read->row.version != 0) CheckWrittenBack(database.connection(), read->row);
  return 0;
}

}  // namespace monopod::store
