// Writes to etcd that land only while a lock is held: the check of the hold and the write are one
// transaction. For locks on an etcd store, and for keys of the same cluster.
//
// Guarantees: a guarded write lands only at a moment at which the hold stands. So nothing that is
// guarded by a hold lands once that hold is over, let alone once somebody else holds the lock,
// however long the writer was paused, whatever the clocks do, and however late a request arrives
// whose answer was given up on.
//
// It does not guarantee anything about writers of the same key that use no guard, nor about what is
// not in this etcd: for that see monopod/fencing.h. A hold may also end right after the write.
// After etcd was restored from a snapshot, revisions can repeat (docs/PROTOCOL.md).
//
//   auto guard = Guard::Of(*client, lock);
//   if (!guard) return guard.error();
//   if (auto put = guard->Put("config/leader", "web-0"); !put) return put.error();
//
// Threads: all members may be called concurrently, but for moves and the destructor. A guard may
// outlive its client and its lock. Must not be used in a forked child.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monopod/lock_client.h"
#include "monopod/result.h"
#include "monopod/types.h"

namespace monopod {

// One compare of an etcd transaction (target CREATE): the create revision of `key` or, if
// `range_end` is not empty, of every key in [key, range_end).
struct GuardCondition {
  enum class Relation : std::uint8_t { kEqual, kGreater };
  std::string key;
  std::string range_end;
  Relation relation = Relation::kEqual;
  std::int64_t create_revision = 0;
  bool operator==(const GuardCondition&) const = default;
};

class Guard {
 public:
  // A hold as the command of `monopod run` knows it: MONOPOD_LOCK and MONOPOD_TOKEN.
  struct Hold {
    std::string lock;
    Token token = 0;
  };

  // Of a hold on the client's store. Blocks as an administrative call does.
  //   kNotHolder: the hold is over, or it is not yet its turn; the message says who holds it.
  //   kInvalidArgument: the store is not etcd, and has no transactions to put a guard into.
  //   kUnsupported: a newer monopod uses the lock, too.
  static Result<Guard> Of(const LockClient& client, const Lock& lock);
  static Result<Guard> Of(const LockClient& client, const Handle& handle);
  static Result<Guard> Of(const LockClient& client, const Hold& hold);

  Guard(Guard&&) noexcept;
  Guard& operator=(Guard&&) noexcept;
  ~Guard();

  const std::string& lock() const;
  Token token() const;

  // For a transaction of your own, by whatever client of etcd: add all of these compares to yours.
  // They are true together exactly while the hold stands, and never again once it is over:
  //
  // 1. The hold's key in the queue was created at the revision that is the token. etcd gives a
  //    revision once, so a key that was deleted (by a release, a break, the end of its lease)
  //    satisfies this never again; and others hold only after it is gone. For a hold that has
  //    begun this alone is enough.
  // 2. Only for a lock of one slot: no key of the queue is older. A claim that still waits has a
  //    key and a token, too, and this refuses it until the holder before it is gone, a foreign one
  //    (`etcdctl lock`) included. It stays true once it is, since later keys are younger. The
  //    server reads the keys of the queue for it.
  //
  // With more slots others hold at the same time, and older ones may be among them: the guard then
  // says that this hold is live, and nothing of the others.
  const std::vector<GuardCondition>& conditions() const;

  // One transaction each; `key` is the whole key as etcd has it. Blocks for at most
  // ClientOptions::store_timeout and a little.
  //   kNotHolder: fenced off, nothing was done; the message says who holds the lock now.
  //   kIndeterminate: it may have landed, or may yet, but only while the hold stands: Get it.
  //   kInvalidArgument: empty, or a key in which the store keeps its locks.
  Result<void> Put(std::string_view key, std::string_view value) const;
  // The value; nothing if there is no such key. Proves no hold: a member of etcd 3.4 that was
  // paused can answer a read late (etcd-io/etcd#20418). Only a write does.
  Result<std::optional<std::string>> Get(std::string_view key) const;
  // Whether there was one.
  Result<bool> Delete(std::string_view key) const;

 private:
  struct Impl;
  explicit Guard(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace monopod
