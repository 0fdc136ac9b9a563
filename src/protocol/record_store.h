// The seam between the record protocol and where records live.
//
// Guarantees that an implementation gives:
// - Read, Write and List are linearizable: a Read that starts after a Write returned
//   sees it or a later one. (A stale read would break exclusion, not just liveness.)
// - A Write lands at most once, entirely or not at all, and only if the record's version
//   is still the expected one. A version never comes back once it was replaced.
// - A failed Write says whether it may have landed (see Write).
// - Every call returns by its deadline, give or take scheduling.
//
// It does not guarantee that AwaitChange tells of every change; it is a hint.
//
// Threads: all calls may be made concurrently.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "monopod/result.h"
#include "src/base/clock.h"
#include "src/protocol/record.h"

namespace monopod::protocol {

// Opaque to everyone but the store. Empty: the record does not exist.
using Version = std::string;

// Stands for "whatever held is certainly over": a process-bound hold of an earlier boot.
inline constexpr std::chrono::nanoseconds kCertainlyOver = std::chrono::hours(24 * 365 * 100);

struct Snapshot {
  Version version;  // empty: absent, and the other fields have no meaning
  Record record;
  Token next_token = 0;  // the token that a claim conditioned on `version` carries
  // How long the record's stamp is *known* to have stayed as it is, judged by a clock that
  // the writer and this reader share; 0 where there is no such clock. Kept apart from
  // Record::credit, which other observers wrote.
  std::chrono::nanoseconds known_silence{0};

  bool exists() const { return !version.empty(); }
};

struct Written {
  Version version;       // of the record as it now stands
  Token next_token = 0;  // as in Snapshot
};

struct Listed {
  std::string name;  // the record's name, slot suffix included
  Snapshot snapshot;
  // Only of List(): why it cannot be read; then the snapshot has no meaning.
  std::optional<Error> unreadable = std::nullopt;
};

// A record and the version that a waiter has seen of it.
struct Seen {
  std::string name;
  Version version;
};

class RecordStore {
 public:
  virtual ~RecordStore() = default;

  // Whether each call ends by its deadline, and none can hang in the kernel.
  virtual bool ends_in_time() const { return false; }

  // The record called `name`, or a Snapshot that does not exist. Fails with kUnavailable,
  // kDenied, kUnsupported (newer format), kStoreReplaced, kDeadlineExceeded.
  virtual Result<Snapshot> Read(const std::string& name, BootTime deadline) = 0;

  // Replaces the record if its version is `expected` (empty: creates it if absent).
  // kConflict, kDenied, kUnsupported, kStoreReplaced, kInvalidArgument: it did not land and
  // never will. Every other failure, whatever its code: it may have landed or may still
  // land; the caller reads back and looks for its own `edit`.
  virtual Result<Written> Write(const std::string& name, const Version& expected,
                                const Record& record, BootTime deadline) = 0;

  // Every record of the store, by name. A record that cannot be read fails the call with
  // its name, or where anybody can break one (objects in Kubernetes) says why.
  virtual Result<std::vector<Listed>> List(BootTime deadline) = 0;

  // Removes a record, if its version is `expected`. Tokens of a later record of that name
  // go on rising all the same.
  virtual Result<void> Remove(const std::string& name, const Version& expected,
                              BootTime deadline) = 0;

  // Returns soon after one of `seen` differs from its version there, at the deadline, when
  // `stop` is requested, or for no reason. Never busy-waits. A change that happened before
  // the call is noticed at once.
  virtual void AwaitChange(std::span<const Seen> seen, BootTime deadline,
                           const std::stop_token& stop) = 0;

  // The same, and returns what it learned on the way: later states of some of `seen`. Reads may
  // already show a later one; a write that is conditioned on such a version is as good as after a
  // read. Nothing returned means nothing: read.
  virtual std::vector<Listed> AwaitNews(std::span<const Seen> seen, BootTime deadline,
                                        const std::stop_token& stop) {
    AwaitChange(seen, deadline, stop);
    return {};
  }
};

}  // namespace monopod::protocol
