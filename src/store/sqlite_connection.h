// A thin C++ front of SQLite: statements that reset themselves, transactions that roll back,
// absolute deadlines, and errors by what the caller does next.
//
// Threads: none of these may be used by two threads at once. Lifetime: statements, executions
// and transactions end before their connection. No connection may be used, nor closed, in a
// forked child.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "monopod/result.h"
#include "src/base/clock.h"

struct sqlite3;
struct sqlite3_stmt;

namespace monopod::store {

// How long to wait between two attempts at a file that another process has locked: short, so
// that a hand-over is quick, and drawn at random, so that waiters do not march in step.
class BusyBackoff {
 public:
  // Sleeps, but not past `deadline`. False, at once, if that has passed.
  bool Pause(int attempt, BootTime deadline);

 private:
  std::minstd_rand random_{std::random_device{}()};
};

class SqliteConnection {
 public:
  // Opens the database file or makes an empty one. `path` is absolute. Fails with kDenied or
  // kUnavailable.
  static Result<std::unique_ptr<SqliteConnection>> Open(const std::string& path);
  ~SqliteConnection();
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  // Until when the following calls wait for other processes' locks.
  void set_deadline(BootTime deadline) { deadline_ = deadline; }
  BootTime deadline() const { return deadline_; }

  // Runs statements that give no rows, or whose rows do not matter.
  Result<void> Run(const char* sql);
  // The first column of the first row.
  Result<std::string> QueryText(const char* sql);
  Result<std::int64_t> QueryInteger(const char* sql);

  // Whether closing the last connection may write what the -wal file holds into the database.
  // Not, until the file is known to be one that may be written to.
  void AllowWriteOnClose(bool allow);
  // The database by the path that SQLite opened, links resolved.
  std::string ResolvedPath() const;
  // Whether the file was renamed or removed since SQLite opened it.
  bool FileMoved() const;
  bool ReadOnly() const;
  bool InTransaction() const;

  // The Error that a result code of SQLite on this connection stands for.
  Error Failure(int result) const;

  sqlite3* get() const { return database_; }
  BusyBackoff& backoff() { return backoff_; }

 private:
  SqliteConnection() = default;
  static int OnBusy(void* self, int attempt);

  sqlite3* database_ = nullptr;
  BootTime deadline_ = BootTime::max();
  BusyBackoff backoff_;
};

// A statement compiled once. Run it through an Execution.
class SqliteStatement {
 public:
  static Result<SqliteStatement> Prepare(SqliteConnection& connection, std::string_view sql);

 private:
  friend class SqliteExecution;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit SqliteStatement(SqliteConnection& connection) : connection_(&connection) {}

  SqliteConnection* connection_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// One run of a statement. At its end the statement is reset, so that no read transaction stays
// open behind the caller's back.
class SqliteExecution {
 public:
  // Binds the values to ?1, ?2, ...
  template <class... Values>
  explicit SqliteExecution(SqliteStatement& statement, const Values&... values)
      : statement_(statement) {
    int index = 0;
    (Bind(++index, values), ...);
  }
  ~SqliteExecution();
  SqliteExecution(const SqliteExecution&) = delete;
  SqliteExecution& operator=(const SqliteExecution&) = delete;

  // True: there is a row, which the accessors below read. False: there are no more.
  Result<bool> Next();
  // Runs to the end.
  Result<void> Finish();

  bool IsNull(int column) const;
  std::int64_t Integer(int column) const;
  std::string Text(int column) const;

 private:
  void Bind(int index, std::int64_t value);
  void Bind(int index, int value) { Bind(index, std::int64_t{value}); }
  void Bind(int index, std::string_view value);

  SqliteStatement& statement_;
};

// BEGIN IMMEDIATE ... COMMIT. Rolls back unless committed.
class SqliteTransaction {
 public:
  explicit SqliteTransaction(SqliteConnection& connection) : connection_(connection) {}
  ~SqliteTransaction();
  SqliteTransaction(const SqliteTransaction&) = delete;
  SqliteTransaction& operator=(const SqliteTransaction&) = delete;

  // Waits for the write lock until the connection's deadline, then fails with kUnavailable.
  Result<void> Begin(SqliteStatement& begin_immediate);
  // Fails with kUnavailable if nothing was written, with kIndeterminate if the disk failed in a
  // way that leaves a complete commit in the -wal file: nobody sees it, and the next write of
  // anyone overwrites it, but a crash before that could bring it back.
  Result<void> Commit(SqliteStatement& commit);

 private:
  SqliteConnection& connection_;
};

}  // namespace monopod::store
