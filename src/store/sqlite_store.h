// Records in one SQLite file, for processes that share a local disk.
//
// Guarantees, beside those of RecordStore: a write that returned is on the disk. Processes that
// start at once and make the file together make one store. A record of a newer monopod is never
// overwritten, and a file that is anything else than a store is refused and left as it is. The
// file may be read with the sqlite3 shell at any time: its columns are words and times.
//
// Non-guarantees: only a local file system will do (Open refuses the others that it can tell).
// Whoever deletes or replaces the file takes the locks from their holders, who learn it at their
// next call (kStoreReplaced). A file that is overwritten in place is not noticed. How long a hold
// was silent is judged as boot_identity.h says. A call that the kernel holds up on a failing disk
// returns when the kernel lets it, deadline or not.
//
// AwaitChange waits for events of the file and costs nothing meanwhile. Where the kernel grants
// no more inotify instances or file descriptors it looks at the store every 100 ms instead.
//
// Threads: all calls may be made concurrently; they share one connection, which no wait holds.
// Processes: the object must not be used after a fork, which is refused with kInternal; the
// child may destroy it, which then leaves SQLite's state alone. Fork first, or exec at once.
// The process must not open and close the database file by other means: POSIX then drops
// SQLite's locks.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "src/protocol/record_store.h"
#include "src/store/boot_identity.h"

namespace monopod::store {

struct SqliteStoreOptions {
  std::string path;             // of the database; a missing one is made
  bool create_parents = false;  // make missing directories above it, too
  // How long Open may wait for other processes that make or recover the file.
  std::chrono::milliseconds open_timeout{10'000};
  // Stands for another boot or machine, in tests. Else what ReadBootIdentity says.
  std::optional<BootIdentity> identity;
};

class SqliteStore : public protocol::RecordStore {
 public:
  // Opens the store or makes it. Fails with
  //   kInvalidArgument  the path is no file, its directory is missing, the file is not a
  //                     database or another program's, or lies on a network or FUSE file system;
  //   kDenied           the rights to the file or its directory are missing, or it is read-only;
  //   kUnsupported      a newer monopod laid the file out;
  //   kStoreReplaced    the file was taken away meanwhile: try again;
  //   kUnavailable      it is busy, the disk is full or failed: try again later.
  static Result<std::unique_ptr<SqliteStore>> Open(const SqliteStoreOptions& options);
  ~SqliteStore() override;

  Result<protocol::Snapshot> Read(const std::string& name, BootTime deadline) override;
  // kUnavailable: the store was busy until the deadline, the disk is full, or could not be read.
  // kIndeterminate: the disk failed while the commit was written.
  Result<protocol::Written> Write(const std::string& name, const protocol::Version& expected,
                                  const protocol::Record& record, BootTime deadline) override;
  Result<std::vector<protocol::Listed>> List(BootTime deadline) override;
  Result<void> Remove(const std::string& name, const protocol::Version& expected,
                      BootTime deadline) override;
  // Also returns when the store cannot be read or was replaced: the next Read says so.
  void AwaitChange(std::span<const protocol::Seen> seen, BootTime deadline,
                   const std::stop_token& stop) override;

 private:
  struct Internals;

  explicit SqliteStore(std::unique_ptr<Internals> internals);
  // False: one of `seen` differs, or that cannot be told.
  bool AllUnchanged(std::span<const protocol::Seen> seen, BootTime deadline);

  std::unique_ptr<Internals> internals_;
};

}  // namespace monopod::store
