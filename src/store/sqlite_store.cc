#include "src/store/sqlite_store.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <utility>

#include "src/store/change_watch.h"
#include "src/store/deadline_mutex.h"
#include "src/store/file_identity.h"
#include "src/store/file_system.h"
#include "src/store/record_rules.h"
#include "src/store/sqlite_connection.h"
#include "src/store/sqlite_record.h"
#include "src/store/sqlite_schema.h"
#include "src/store/store_location.h"

namespace monopod::store {

using protocol::Listed;
using protocol::Record;
using protocol::Seen;
using protocol::Snapshot;
using protocol::Token;
using protocol::Version;
using protocol::Written;
using namespace std::chrono_literals;

namespace {

constexpr auto kUnwatchedStep = 100ms;

enum Sql : std::size_t {
  kBegin,
  kCommit,
  kSelectOne,
  kSelectEvery,
  kSelectVersion,
  kSelectCurrent,
  kPut,
  kSetCounter,
  kRaiseToken,
  kRemove,
  kSqlCount,
};

std::array<std::string, kSqlCount> SqlTexts() {
  std::array<std::string, kSqlCount> texts;
  texts[kBegin] = "BEGIN IMMEDIATE";
  texts[kCommit] = "COMMIT";
  texts[kSelectOne] = SelectOneRow();
  texts[kSelectEvery] = SelectEveryRow();
  texts[kSelectVersion] = "SELECT version FROM locks WHERE name = ?1";
  texts[kSelectCurrent] =
      "SELECT l.version, l.format, l.token, t.last, c.last_version FROM counters c "
      "LEFT JOIN locks l ON l.name = ?1 LEFT JOIN tokens t ON t.name = ?1";
  texts[kPut] = PutRow();
  texts[kSetCounter] = "UPDATE counters SET last_version = ?1";
  texts[kRaiseToken] =
      "INSERT INTO tokens (name, last) VALUES (?1, ?2) ON CONFLICT (name) "
      "DO UPDATE SET last = max(last, excluded.last)";
  texts[kRemove] = "DELETE FROM locks WHERE name = ?1";
  return texts;
}

Version ToVersion(std::int64_t number) { return number == 0 ? Version() : std::to_string(number); }

// Waits a step without any help of the kernel; false at the deadline and on stop.
bool PauseUnwatched(BootTime deadline, const std::stop_token& stop) {
  const auto left = deadline - BootClock::now();
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, std::min<BootClock::duration>(left, kUnwatchedStep),
                 [] { return false; });
  return !stop.stop_requested() && BootClock::now() < deadline;
}

}  // namespace

// What a change of a record is conditioned on, read under the write lock.
struct CurrentRow {
  Version version;
  std::int64_t token = 0;       // of the record
  std::int64_t last_token = 0;  // of its name
  std::int64_t counter = 0;     // the last version given to any record
};

struct SqliteStore::Internals {
  Internals(std::unique_ptr<SqliteConnection> opened, std::vector<SqliteStatement> prepared,
            StoreFiles captured, BootIdentity reader)
      : connection(std::move(opened)),
        statements(std::move(prepared)),
        files(std::move(captured)),
        identity(std::move(reader)) {}

  // The right to use the connection until the lock is let go.
  Result<std::unique_lock<DeadlineMutex>> Enter(BootTime deadline);
  SqliteStatement& statement(Sql which) { return statements[which]; }
  Result<CurrentRow> ReadCurrent(const std::string& name);
  Snapshot ToSnapshot(RowRead&& read, BootTime now) const;
  // Refuses to commit into a file that newcomers no longer find.
  Result<void> Commit(SqliteTransaction& transaction);

  std::unique_ptr<ChangeWatch> TakeWatch();
  void KeepWatch(std::unique_ptr<ChangeWatch> watch);

  const pid_t owner = getpid();
  std::unique_ptr<SqliteConnection> connection;
  std::vector<SqliteStatement> statements;
  const StoreFiles files;
  const BootIdentity identity;
  DeadlineMutex mutex;  // of the connection and its statements

  std::mutex watches_mutex;
  std::vector<std::unique_ptr<ChangeWatch>> idle_watches;
};

Result<std::unique_lock<DeadlineMutex>> SqliteStore::Internals::Enter(BootTime deadline) {
  if (getpid() != owner) {
    return Fail(ErrorCode::kInternal, "a SQLite store was used after a fork");
  }
  if (BootClock::now() < deadline) {
    std::unique_lock<DeadlineMutex> lock(mutex, deadline);
    if (lock) {
      connection->set_deadline(deadline);
      return lock;
    }
  }
  return Fail(TooLate());
}

Result<CurrentRow> SqliteStore::Internals::ReadCurrent(const std::string& name) {
  SqliteExecution select(statement(kSelectCurrent), name);
  const auto row = select.Next();
  if (!row) return Fail(row.error());
  if (!*row) {
    return Fail(ErrorCode::kUnavailable,
                fmt::format("{} lost its version counter: somebody edited it; restore the row of "
                            "the table counters with a number above every version",
                            connection->ResolvedPath()));
  }
  if (const std::int64_t format = select.Integer(1); format > Record::kFormat) {
    return Fail(NewerFormat(name, format));
  }
  return CurrentRow{.version = ToVersion(select.Integer(0)),
                    .token = select.Integer(2),
                    .last_token = select.Integer(3),
                    .counter = select.Integer(4)};
}

Snapshot SqliteStore::Internals::ToSnapshot(RowRead&& read, BootTime now) const {
  Snapshot snapshot{.version = ToVersion(read.row.version),
                    .record = std::move(read.row.record),
                    .next_token = read.next_token};
  if (snapshot.exists()) {
    snapshot.known_silence = KnownSilence(snapshot.record, read.row.stamp, identity, now);
  }
  return snapshot;
}

Result<void> SqliteStore::Internals::Commit(SqliteTransaction& transaction) {
  if (auto same = files.CheckSame(); !same) return same;
  if (auto committed = transaction.Commit(statement(kCommit)); !committed) return committed;
  AnnounceChange(files.paths().wal);
  return {};
}

std::unique_ptr<ChangeWatch> SqliteStore::Internals::TakeWatch() {
  {
    const std::lock_guard lock(watches_mutex);
    if (!idle_watches.empty()) {
      auto watch = std::move(idle_watches.back());
      idle_watches.pop_back();
      return watch;
    }
  }
  return ChangeWatch::Create();
}

void SqliteStore::Internals::KeepWatch(std::unique_ptr<ChangeWatch> watch) {
  if (!watch) return;
  const std::lock_guard lock(watches_mutex);
  idle_watches.push_back(std::move(watch));
}

SqliteStore::SqliteStore(std::unique_ptr<Internals> internals) : internals_(std::move(internals)) {}

SqliteStore::~SqliteStore() {
  // In a forked child, closing would undo what the parent still relies on.
  if (getpid() != internals_->owner) [[maybe_unused]]
    auto* parents = internals_.release();
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::Open(const SqliteStoreOptions& options) {
  const auto path =
      PrepareLocation({.path = options.path, .create_parents = options.create_parents});
  if (!path) return Fail(path.error());
  auto connection = SqliteConnection::Open(*path);
  if (!connection) return Fail(std::move(connection).error());
  SqliteConnection& opened = **connection;
  opened.set_deadline(BootClock::now() + options.open_timeout);
  const std::string resolved = opened.ResolvedPath();
  if (auto local = CheckFileSystem(resolved); !local) return Fail(std::move(local).error());
  if (auto ensured = EnsureSchema(opened); !ensured) return Fail(std::move(ensured).error());

  std::vector<SqliteStatement> statements;
  for (const std::string& text : SqlTexts()) {
    auto prepared = SqliteStatement::Prepare(opened, text);
    if (!prepared) return Fail(std::move(prepared).error());
    statements.push_back(std::move(*prepared));
  }
  auto files = StoreFiles::Capture(
      {.database = *path, .wal = resolved + "-wal", .shared_memory = resolved + "-shm"});
  if (!files) return Fail(std::move(files).error());
  if (opened.FileMoved()) {
    return Fail(ErrorCode::kStoreReplaced,
                fmt::format("{} was replaced while it was opened", resolved));
  }
  return std::unique_ptr<SqliteStore>(new SqliteStore(
      std::make_unique<Internals>(std::move(*connection), std::move(statements), std::move(*files),
                                  options.identity ? *options.identity : ReadBootIdentity())));
}

Result<Snapshot> SqliteStore::Read(const std::string& name, BootTime deadline) {
  auto entered = internals_->Enter(deadline);
  if (!entered) return Fail(std::move(entered).error());
  // Taken before the row is read, so that a silence is never overestimated.
  const BootTime now = BootClock::now();
  SqliteExecution select(internals_->statement(kSelectOne), name);
  const auto row = select.Next();
  if (!row) return Fail(row.error());
  auto read = ReadRow(select);
  if (!read) return Fail(std::move(read).error());
  if (auto same = internals_->files.CheckSame(); !same) return Fail(std::move(same).error());
  return internals_->ToSnapshot(std::move(*read), now);
}

Result<Written> SqliteStore::Write(const std::string& name, const Version& expected,
                                   const Record& record, BootTime deadline) {
  if (record.token > std::numeric_limits<std::int64_t>::max()) {
    return Fail(ErrorCode::kInvalidArgument, "a token of a SQLite store has 63 bits");
  }
  auto entered = internals_->Enter(deadline);
  if (!entered) return Fail(std::move(entered).error());
  SqliteTransaction transaction(*internals_->connection);
  if (auto begun = transaction.Begin(internals_->statement(kBegin)); !begun) {
    return Fail(std::move(begun).error());
  }
  const auto current = internals_->ReadCurrent(name);
  if (!current) return Fail(current.error());
  if (current->version != expected) return Fail(Conflict(name));

  const Row row{.name = name,
                .version = current->counter + 1,
                .record = record,
                .stamp = {.clock = internals_->identity.ClockName(),
                          .machine = internals_->identity.machine_id,
                          .written = BootClock::now()}};
  auto done = WriteRow(internals_->statement(kPut), row);
  if (done) done = SqliteExecution(internals_->statement(kSetCounter), row.version).Finish();
  const auto token = std::max(static_cast<std::int64_t>(record.token), current->token);
  if (done && token > current->last_token) {
    done = SqliteExecution(internals_->statement(kRaiseToken), name, token).Finish();
  }
  if (done) done = internals_->Commit(transaction);
  if (!done) return Fail(std::move(done).error());
  return Written{.version = ToVersion(row.version),
                 .next_token = static_cast<Token>(std::max(token, current->last_token)) + 1};
}

Result<std::vector<Listed>> SqliteStore::List(BootTime deadline) {
  auto entered = internals_->Enter(deadline);
  if (!entered) return Fail(std::move(entered).error());
  const BootTime now = BootClock::now();
  std::vector<Listed> list;
  SqliteExecution select(internals_->statement(kSelectEvery));
  for (;;) {
    const auto row = select.Next();
    if (!row) return Fail(row.error());
    if (!*row) break;
    auto read = ReadRow(select);
    if (!read) return Fail(std::move(read).error());
    std::string name = read->row.name;
    list.push_back(
        {.name = std::move(name), .snapshot = internals_->ToSnapshot(std::move(*read), now)});
  }
  if (auto same = internals_->files.CheckSame(); !same) return Fail(std::move(same).error());
  return list;
}

Result<void> SqliteStore::Remove(const std::string& name, const Version& expected,
                                 BootTime deadline) {
  auto entered = internals_->Enter(deadline);
  if (!entered) return Fail(std::move(entered).error());
  SqliteTransaction transaction(*internals_->connection);
  if (auto begun = transaction.Begin(internals_->statement(kBegin)); !begun) return begun;
  const auto current = internals_->ReadCurrent(name);
  if (!current) return Fail(current.error());
  if (current->version != expected) return Fail(Conflict(name));
  if (expected.empty()) return {};
  auto done = SqliteExecution(internals_->statement(kRaiseToken), name, current->token).Finish();
  if (done) done = SqliteExecution(internals_->statement(kRemove), name).Finish();
  if (done) done = internals_->Commit(transaction);
  return done;
}

void SqliteStore::AwaitChange(std::span<const Seen> seen, BootTime deadline,
                              const std::stop_token& stop) {
  // The descriptors of a forked child are the parent's.
  if (getpid() != internals_->owner) return;
  auto watch = internals_->TakeWatch();
  const bool watched = watch && watch->Arm(internals_->files.paths());
  while (AllUnchanged(seen, deadline)) {
    const bool go_on = watched ? watch->Wait(deadline, stop) == ChangeWatch::Wake::kLook
                               : PauseUnwatched(deadline, stop);
    if (!go_on) break;
  }
  internals_->KeepWatch(std::move(watch));
}

bool SqliteStore::AllUnchanged(std::span<const Seen> seen, BootTime deadline) {
  const auto entered = internals_->Enter(deadline);
  if (!entered) return false;
  for (const Seen& each : seen) {
    SqliteExecution select(internals_->statement(kSelectVersion), each.name);
    const auto row = select.Next();
    if (!row) return false;
    if ((*row ? ToVersion(select.Integer(0)) : Version()) != each.version) return false;
  }
  return internals_->files.CheckSame().has_value();
}

}  // namespace monopod::store
