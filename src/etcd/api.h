// The calls of etcd that monopod needs, as a seam: the gRPC client is under it in production, a
// simulated cluster in tests.
//
// Guarantees that an implementation gives:
// - Every call returns by its deadline, give or take scheduling.
// - A mutation is sent at most once. A failed one says whether it may have landed: see each call.
// - Read and Transact are linearizable as far as the cluster is (3.4 can answer a read late after
//   its process was paused, etcd-io/etcd#20418: whoever decides by a read compares `revision`).
//
// Errors, with the caller's next move:
//   kUnavailable        not sent, or refused for now; it did not land. Ask again, later or
//   elsewhere. kDeadlineExceeded   no time was left to send it; it did not land kIndeterminate of a
//   mutation: it may have landed or may still land. Of a read: ask again. kOutOfSpace         the
//   cluster's space quota is used up (alarm NOSPACE): nothing can be put.
//                       Of a mutation it is no proof that it did not land (server source).
//   kDenied             credentials or rights; it did not land
//   kInvalidArgument    the server finds the request malformed; it did not land
//   kNotFound           the lease of a put does not exist; it did not land
//
// Threads: all calls may be made concurrently. Not usable in a forked child.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "monopod/result.h"
#include "src/base/clock.h"

namespace monopod::etcd {

using Revision = std::int64_t;
using LeaseId = std::int64_t;
inline constexpr LeaseId kNoLease = 0;

struct KeyValue {
  std::string key;
  std::string value;
  Revision create_revision = 0;
  Revision mod_revision = 0;
  LeaseId lease = kNoLease;
};

// A condition on one key; an absent key has revisions 0 and no value. With `end` on every key in
// [key, end), and if there is none, as on one absent key.
struct Compare {
  enum class Target : std::uint8_t { kCreateRevision, kModRevision, kValue };
  enum class Relation : std::uint8_t { kEqual, kNotEqual, kLess, kGreater };
  std::string key;
  Target target = Target::kCreateRevision;
  Relation relation = Relation::kEqual;
  Revision revision = 0;  // for the revision targets
  std::string value;      // for kValue
  std::string end = {};
};

struct Put {
  std::string key;
  std::string value;
  LeaseId lease = kNoLease;
};
// The keys [key, end), or only `key` if `end` is empty.
struct Delete {
  std::string key;
  std::string end = {};
};
struct Range {
  enum class Order : std::uint8_t { kByKey, kNewestFirst, kOldestFirst };  // by create revision
  std::string key;
  std::string end = {};
  std::int64_t limit = 0;            // 0: none
  Revision max_create_revision = 0;  // 0: any
  Order order = Order::kByKey;       // anything but kByKey makes the server fetch the whole range
  bool keys_only = false;
};
struct Transaction;
using Operation = std::variant<Put, Delete, Range, Transaction>;
struct Transaction {
  std::vector<Compare> compares;  // all must be true
  std::vector<Operation> then = {};
  std::vector<Operation> otherwise = {};
};

struct PutReply {};
struct DeleteReply {
  std::int64_t deleted = 0;
};
struct RangeReply {
  std::vector<KeyValue> found;
  bool more = false;  // the limit left some out
};
struct TransactionReply;
using OperationReply = std::variant<PutReply, DeleteReply, RangeReply, TransactionReply>;
struct TransactionReply {
  bool succeeded = false;  // which branch ran
  std::vector<OperationReply> replies = {};
  Revision revision = 0;  // of the store when it answered; set on the outermost reply only
};

struct TimeToLive {
  std::chrono::seconds left{-1};  // -1: the lease does not exist
  std::chrono::seconds granted{0};
};

// A change of a watched key.
struct WatchEvent {
  bool deleted = false;
  KeyValue now;                      // if deleted: only `key` and `mod_revision` (of the deletion)
  std::optional<KeyValue> previous;  // what stood before, as far as the server still had it
};

// What a watcher is told, in the order of revisions.
struct WatchReport {
  enum class Kind : std::uint8_t {
    kStarted,  // everything that happens from now on will be told: read after this, not before
    kEvents,
    kBroken,  // events may be missing from here on; the watch goes on and kStarted will follow
  };
  Kind kind = Kind::kStarted;
  std::vector<WatchEvent> events = {};
};

// A running watch; destroying it ends it, and no report is made after the destructor returned.
class Watch {
 public:
  virtual ~Watch() = default;
};

class Api {
 public:
  virtual ~Api() = default;

  // `id` is chosen by the caller (random, positive), so that a lost reply leaves something that
  // can be revoked. Returns the TTL granted: the server raises a short one. kConflict: the id is
  // in use.
  virtual Result<std::chrono::seconds> Grant(LeaseId id, std::chrono::seconds ttl,
                                             BootTime deadline) = 0;
  // The lease's new TTL; kNotFound: it is gone. Proves nothing: a deposed leader answers it, too
  // (etcd-io/etcd#15247).
  virtual Result<std::chrono::seconds> KeepAlive(LeaseId id, BootTime deadline) = 0;
  // Deletes the lease's keys with it. kNotFound: it was gone already.
  virtual Result<void> Revoke(LeaseId id, BootTime deadline) = 0;
  virtual Result<TimeToLive> AskTimeToLive(LeaseId id, BootTime deadline) = 0;

  // One transaction, through the quorum unless it has no put and no delete.
  virtual Result<TransactionReply> Transact(const Transaction& transaction, BootTime deadline) = 0;

  // Watches [key, end), or only `key` if `end` is empty, from now on (never from a past revision:
  // the server looks at such watches every 100 ms only). `report` is called on a thread of the
  // client, one report at a time, and must neither block nor call back into the Api. The watch
  // outlives broken connections; what it missed then is told as kBroken.
  virtual std::unique_ptr<Watch> StartWatch(std::string key, std::string end,
                                            std::function<void(WatchReport)> report) = 0;
};

}  // namespace monopod::etcd
