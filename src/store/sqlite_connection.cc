#include "src/store/sqlite_connection.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

namespace monopod::store {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

constexpr microseconds kFirstPause{200};
constexpr microseconds kLongestPause{5000};

bool IsRefusalOfRights(int system_error) {
  return system_error == EACCES || system_error == EPERM || system_error == EROFS;
}

ErrorCode CodeOf(int result, int system_error) {
  switch (result & 0xff) {
    case SQLITE_READONLY:
      return result == SQLITE_READONLY_DBMOVED ? ErrorCode::kStoreReplaced : ErrorCode::kDenied;
    case SQLITE_PERM:
    case SQLITE_AUTH: return ErrorCode::kDenied;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
      return IsRefusalOfRights(system_error) ? ErrorCode::kDenied : ErrorCode::kUnavailable;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_PROTOCOL:
    case SQLITE_NOMEM:
    case SQLITE_INTERRUPT:
    case SQLITE_CORRUPT: return ErrorCode::kUnavailable;
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG: return ErrorCode::kInvalidArgument;
    default: return ErrorCode::kInternal;
  }
}

// Whether the system error that SQLite remembers belongs to this result.
bool HasSystemError(int result) {
  const int primary = result & 0xff;
  return primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN || primary == SQLITE_FULL;
}

}  // namespace

bool BusyBackoff::Pause(int attempt, BootTime deadline) {
  const BootTime now = BootClock::now();
  if (now >= deadline) return false;
  const auto longest = std::min(kLongestPause, kFirstPause * (1 << std::clamp(attempt, 1, 5)));
  std::uniform_int_distribution<microseconds::rep> draw(kFirstPause.count(), longest.count());
  const nanoseconds pause = std::min<nanoseconds>(microseconds(draw(random_)), deadline - now);
  const timespec duration = ToTimespec(pause);
  // A signal may cut it short: the caller merely looks a little earlier.
  clock_nanosleep(CLOCK_MONOTONIC, 0, &duration, nullptr);
  return true;
}

int SqliteConnection::OnBusy(void* self, int attempt) {
  auto* connection = static_cast<SqliteConnection*>(self);
  return connection->backoff_.Pause(attempt, connection->deadline_) ? 1 : 0;
}

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(const std::string& path) {
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection);
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                    SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
  const int result = sqlite3_open_v2(path.c_str(), &connection->database_, flags, nullptr);
  if (result != SQLITE_OK) {
    Error error = connection->Failure(result);
    error.message = fmt::format("cannot open {}: {}", path, error.message);
    return Fail(std::move(error));
  }
  sqlite3_busy_handler(connection->database_, &SqliteConnection::OnBusy, connection.get());
  return connection;
}

SqliteConnection::~SqliteConnection() { sqlite3_close_v2(database_); }

Result<void> SqliteConnection::Run(const char* sql) {
  const int result = sqlite3_exec(database_, sql, nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) return Fail(Failure(result));
  return {};
}

Result<std::string> SqliteConnection::QueryText(const char* sql) {
  auto statement = SqliteStatement::Prepare(*this, sql);
  if (!statement) return Fail(std::move(statement).error());
  SqliteExecution execution(*statement);
  const auto row = execution.Next();
  if (!row) return Fail(row.error());
  return *row ? execution.Text(0) : std::string();
}

Result<std::int64_t> SqliteConnection::QueryInteger(const char* sql) {
  auto statement = SqliteStatement::Prepare(*this, sql);
  if (!statement) return Fail(std::move(statement).error());
  SqliteExecution execution(*statement);
  const auto row = execution.Next();
  if (!row) return Fail(row.error());
  return *row ? execution.Integer(0) : 0;
}

void SqliteConnection::AllowWriteOnClose(bool allow) {
  sqlite3_db_config(database_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, allow ? 0 : 1, nullptr);
}

std::string SqliteConnection::ResolvedPath() const {
  return sqlite3_db_filename(database_, "main");
}

bool SqliteConnection::FileMoved() const {
  int moved = 0;
  sqlite3_file_control(database_, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return moved != 0;
}

bool SqliteConnection::ReadOnly() const { return sqlite3_db_readonly(database_, "main") == 1; }

bool SqliteConnection::InTransaction() const { return sqlite3_get_autocommit(database_) == 0; }

Error SqliteConnection::Failure(int result) const {
  // Absent only when there was no memory for a connection.
  const int system_error = database_ != nullptr ? sqlite3_system_errno(database_) : ENOMEM;
  const char* path = database_ != nullptr ? sqlite3_db_filename(database_, "main") : nullptr;
  const char* text = database_ != nullptr ? sqlite3_errmsg(database_) : sqlite3_errstr(result);
  std::string message = path != nullptr && *path != '\0' ? fmt::format("{}: ", path) : "";
  message += fmt::format("{} (SQLite result {})", text, result);
  if (HasSystemError(result) && system_error != 0) {
    message += fmt::format(": {}", strerror(system_error));
  }
  return {.code = CodeOf(result, system_error), .message = std::move(message)};
}

void SqliteStatement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Result<SqliteStatement> SqliteStatement::Prepare(SqliteConnection& connection,
                                                 std::string_view sql) {
  SqliteStatement prepared(connection);
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v3(connection.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  prepared.statement_.reset(statement);
  if (result != SQLITE_OK) return Fail(connection.Failure(result));
  return prepared;
}

SqliteExecution::~SqliteExecution() {
  sqlite3_reset(statement_.statement_.get());
  sqlite3_clear_bindings(statement_.statement_.get());
}

Result<bool> SqliteExecution::Next() {
  const int result = sqlite3_step(statement_.statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return Fail(statement_.connection_->Failure(result));
}

Result<void> SqliteExecution::Finish() {
  for (;;) {
    const auto row = Next();
    if (!row) return Fail(row.error());
    if (!*row) return {};
  }
}

bool SqliteExecution::IsNull(int column) const {
  return sqlite3_column_type(statement_.statement_.get(), column) == SQLITE_NULL;
}

std::int64_t SqliteExecution::Integer(int column) const {
  return sqlite3_column_int64(statement_.statement_.get(), column);
}

std::string SqliteExecution::Text(int column) const {
  sqlite3_stmt* statement = statement_.statement_.get();
  // The blob of a text is its bytes, zero bytes included.
  const void* bytes = sqlite3_column_blob(statement, column);
  const int size = sqlite3_column_bytes(statement, column);
  return bytes == nullptr
             ? std::string()
             : std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

void SqliteExecution::Bind(int index, std::int64_t value) {
  sqlite3_bind_int64(statement_.statement_.get(), index, value);
}

void SqliteExecution::Bind(int index, std::string_view value) {
  // A null pointer would bind NULL instead of an empty text.
  const char* bytes = value.data() != nullptr ? value.data() : "";
  sqlite3_bind_text64(statement_.statement_.get(), index, bytes, value.size(), SQLITE_TRANSIENT,
                      SQLITE_UTF8);
}

SqliteTransaction::~SqliteTransaction() {
  if (!connection_.InTransaction()) return;
  // It cannot fail in a way that leaves the transaction open, and there is nobody to tell.
  [[maybe_unused]] const auto result = connection_.Run("ROLLBACK");
}

Result<void> SqliteTransaction::Begin(SqliteStatement& begin_immediate) {
  return SqliteExecution(begin_immediate).Finish();
}

Result<void> SqliteTransaction::Commit(SqliteStatement& commit) {
  SqliteExecution execution(commit);
  const auto row = execution.Next();
  if (row) return {};
  Error error = row.error();
  // Without room or the lock, the write that completes the commit was not made.
  const int primary = sqlite3_errcode(connection_.get()) & 0xff;
  const bool nothing_landed = primary == SQLITE_FULL || primary == SQLITE_BUSY;
  error.code = nothing_landed ? ErrorCode::kUnavailable : ErrorCode::kIndeterminate;
  return Fail(std::move(error));
}

}  // namespace monopod::store
