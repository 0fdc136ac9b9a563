#include "src/store/sqlite_schema.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <string>
#include <utility>

namespace monopod::store {
namespace {

constexpr std::int64_t kSynchronousFull = 2;

// The checks keep a hand-made edit from leaving a record that monopod cannot read; a newer
// format brings its own words. No time is longer than a hundred years. With the defaults a person
// can hold a lock by INSERT INTO locks (name, phase, holder): the version of such a row is drawn at
// random from the numbers that the counter never reaches.
constexpr const char* kCreate = R"sql(
CREATE TABLE locks (
  name              TEXT    NOT NULL PRIMARY KEY,
  format            INTEGER NOT NULL DEFAULT 1,
  version           INTEGER NOT NULL CHECK (version > 0)
    DEFAULT ((1 << 62) + abs(random() % (1 << 62))),
  phase             TEXT    NOT NULL DEFAULT 'free'
    CHECK (format > 1 OR phase IN ('free', 'recovering', 'held', 'retired')),
  kind              TEXT    NOT NULL DEFAULT 'process'
    CHECK (format > 1 OR kind IN ('process', 'detached', 'sticky')),
  holder            TEXT    NOT NULL DEFAULT '',
  namespace         TEXT    NOT NULL DEFAULT '',
  node              TEXT    NOT NULL DEFAULT '',
  instance          TEXT    NOT NULL DEFAULT '',
  purpose           TEXT    NOT NULL DEFAULT '',
  token             INTEGER NOT NULL DEFAULT 0 CHECK (token >= 0),
  stamp             TEXT    NOT NULL DEFAULT '',
  edit              TEXT    NOT NULL DEFAULT '',
  origin            TEXT    NOT NULL DEFAULT '',
  ttl_ms            INTEGER NOT NULL DEFAULT 0 CHECK (ttl_ms BETWEEN 0 AND 3153600000000),
  kill_ms           INTEGER NOT NULL DEFAULT 0 CHECK (kill_ms BETWEEN 0 AND 3153600000000),
  owed_kill_ms      INTEGER NOT NULL DEFAULT 0 CHECK (owed_kill_ms BETWEEN 0 AND 3153600000000),
  credit_ms         INTEGER NOT NULL DEFAULT 0 CHECK (credit_ms BETWEEN 0 AND 3153600000000),
  acquired          TEXT    NOT NULL DEFAULT '',
  renewed           TEXT    NOT NULL DEFAULT '',
  note              TEXT    NOT NULL DEFAULT '',
  slots             INTEGER NOT NULL DEFAULT 0 CHECK (slots BETWEEN 0 AND 2147483647),
  resize_to         INTEGER NOT NULL DEFAULT 0 CHECK (resize_to BETWEEN 0 AND 2147483647),
  resize_id         TEXT    NOT NULL DEFAULT '',
  stamp_boot        TEXT    NOT NULL DEFAULT '',
  stamp_machine     TEXT    NOT NULL DEFAULT '',
  stamp_boottime_ns INTEGER NOT NULL DEFAULT 0 CHECK (stamp_boottime_ns >= 0)
) STRICT, WITHOUT ROWID;
CREATE TABLE tokens (
  name TEXT    NOT NULL PRIMARY KEY,
  last INTEGER NOT NULL CHECK (last >= 0)
) STRICT, WITHOUT ROWID;
CREATE TABLE counters (
  only         INTEGER PRIMARY KEY CHECK (only = 1),
  last_version INTEGER NOT NULL
) STRICT;
INSERT INTO counters VALUES (1, 0);
)sql";

enum class Content { kEmpty, kStore };

// What the file holds; call it inside a transaction, so that the answers belong together.
Result<Content> Recognize(SqliteConnection& connection) {
  const auto application = connection.QueryInteger("PRAGMA application_id");
  if (!application) return Fail(application.error());
  const auto layout = connection.QueryInteger("PRAGMA user_version");
  if (!layout) return Fail(layout.error());
  const auto tables = connection.QueryInteger("SELECT count(*) FROM sqlite_schema");
  if (!tables) return Fail(tables.error());
  if (*application == 0 && *layout == 0 && *tables == 0) return Content::kEmpty;
  if (*application != kApplicationId) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is the database of another program (application_id {}, {} tables "
                            "and indexes); give monopod a file of its own",
                            connection.ResolvedPath(), *application, *tables));
  }
  if (*layout != kLayoutVersion) {
    return Fail(ErrorCode::kUnsupported,
                fmt::format("{} has layout {} and this monopod knows layout {} only; use the "
                            "monopod that wrote it",
                            connection.ResolvedPath(), *layout, kLayoutVersion));
  }
  return Content::kStore;
}

Result<Content> RecognizeUnlocked(SqliteConnection& connection) {
  if (auto begun = connection.Run("BEGIN"); !begun) return Fail(std::move(begun).error());
  auto content = Recognize(connection);
  auto ended = connection.Run("ROLLBACK");
  if (content && !ended) return Fail(std::move(ended).error());
  return content;
}

// Changing the mode needs the whole file for a moment; while others do the same SQLite says
// that it is busy without asking the busy handler.
Result<void> UseWriteAheadLog(SqliteConnection& connection) {
  for (int attempt = 0;; ++attempt) {
    const auto mode = connection.QueryText("PRAGMA journal_mode=WAL");
    if (mode && *mode == "wal") return {};
    if (mode) {
      return Fail(ErrorCode::kUnavailable,
                  fmt::format("{}: SQLite offers no write-ahead log here (journal_mode is {}); "
                              "put the store on another file system",
                              connection.ResolvedPath(), *mode));
    }
    const bool busy = (sqlite3_errcode(connection.get()) & 0xff) == SQLITE_BUSY;
    if (!busy || !connection.backoff().Pause(attempt, connection.deadline())) {
      return Fail(mode.error());
    }
  }
}

Result<void> SyncEveryCommit(SqliteConnection& connection) {
  if (auto set = connection.Run("PRAGMA synchronous=FULL"); !set) return set;
  const auto level = connection.QueryInteger("PRAGMA synchronous");
  if (!level) return Fail(level.error());
  if (*level == kSynchronousFull) return {};
  return Fail(ErrorCode::kUnavailable,
              fmt::format("{}: SQLite does not sync commits (synchronous is {}, not {})",
                          connection.ResolvedPath(), *level, kSynchronousFull));
}

// Another process may have been quicker, so everything is looked at again under the write lock.
Result<void> CreateTables(SqliteConnection& connection) {
  auto begin = SqliteStatement::Prepare(connection, "BEGIN IMMEDIATE");
  if (!begin) return Fail(std::move(begin).error());
  auto commit = SqliteStatement::Prepare(connection, "COMMIT");
  if (!commit) return Fail(std::move(commit).error());
  SqliteTransaction transaction(connection);
  if (auto begun = transaction.Begin(*begin); !begun) return begun;
  const auto content = Recognize(connection);
  if (!content) return Fail(content.error());
  if (*content == Content::kStore) return {};
  if (auto created = connection.Run(kCreate); !created) return created;
  const std::string marks = fmt::format("PRAGMA application_id={}; PRAGMA user_version={}",
                                        kApplicationId, kLayoutVersion);
  if (auto marked = connection.Run(marks.c_str()); !marked) return marked;
  return transaction.Commit(*commit);
}

}  // namespace

Result<void> EnsureSchema(SqliteConnection& connection) {
  // Another program's write-ahead log is not ours to merge.
  connection.AllowWriteOnClose(false);
  auto content = RecognizeUnlocked(connection);
  if (!content) return Fail(std::move(content).error());
  if (connection.ReadOnly()) {
    return Fail(ErrorCode::kDenied,
                fmt::format("{} can be read but not written", connection.ResolvedPath()));
  }
  if (auto logged = UseWriteAheadLog(connection); !logged) return logged;
  if (auto synced = SyncEveryCommit(connection); !synced) return synced;
  if (*content == Content::kEmpty) {
    if (auto created = CreateTables(connection); !created) return created;
  }
  connection.AllowWriteOnClose(true);
  return {};
}

}  // namespace monopod::store
