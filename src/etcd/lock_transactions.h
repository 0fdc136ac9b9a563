// The transactions of the queue, built from what a claim knows (docs/PROTOCOL.md, "Store: etcd",
// says why each condition is there). Pure.
//
// Compares of a transaction, nested ones too, all see the state before it; its operations run in
// order, and a range sees the puts before it (etcd v3.4, etcdserver/apply.go).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/etcd/api.h"
#include "src/etcd/lock_keys.h"
#include "src/etcd/lock_values.h"

namespace monopod::etcd {

// What a claim has in the store.
struct Standing {
  std::string id;
  Revision token = 0;       // create revision of member and marker
  Revision member_mod = 0;  // as last known
};

struct ClaimRequest {
  std::string id;
  LeaseId lease = kNoLease;
  MemberValue member;
  MarkerValue marker;
  Revision slots_mod = 0;  // the number of slots is as it was at this revision
  bool first_use = false;  // say the number: nobody has, and nobody queues by the tail
};
Transaction ClaimTransaction(const LockKeys& keys, const ClaimRequest& request);

struct ClaimReply {
  bool claimed = false;
  // Claimed: the youngest claim before, "?" if that is not known, or empty; and the keys of others.
  std::string old_tail;
  std::vector<KeyValue> foreign;
  // Not claimed: what stood in the way.
  std::optional<KeyValue> own_marker;  // a transaction of this claim had landed before
  std::optional<KeyValue> slots;
  bool tail_exists = false;
};
ClaimReply ReadClaimReply(const TransactionReply& reply, const ClaimRequest& request);

// What a member says now, and on which lease.
struct MemberWrite {
  MemberValue value;
  LeaseId lease = kNoLease;
  std::optional<Revision> slots_mod;  // only if the number of slots is still as it was then
};

// A marker whose claim is over.
struct FinishedMarker {
  std::string id;
  Revision mod = 0;
};

// Writes the own member, which is a proof, and tidies finished markers away. Not succeeded: `then`
// of a lookup of the own member and marker follows.
Transaction ProveTransaction(const LockKeys& keys, const Standing& own, const MemberWrite& write,
                             std::span<const FinishedMarker> finished);
struct OwnKeys {
  std::optional<KeyValue> member;
  std::optional<KeyValue> marker;
};
// Of a ProveTransaction that did not succeed.
OwnKeys ReadOwnKeys(const TransactionReply& reply);

// Ends a claim whose work is over. If others are behind it, its marker tells them so; else nothing
// is left. `finished`: markers of claims that are over, to be tidied away with it.
struct ReleaseRequest {
  MarkerValue marker;  // the own one
  std::span<const FinishedMarker> finished;
};
Transaction ReleaseTransaction(const LockKeys& keys, const Standing& own,
                               const ReleaseRequest& request);
// The same for a store that is full and takes no puts.
Transaction DropClaimTransaction(const LockKeys& keys, const Standing& own,
                                 std::span<const FinishedMarker> finished);
// Whether the member still stood when the release landed.
bool MemberStood(const TransactionReply& release);

// Ends a claim that waits behind others; `predecessor` is the youngest of them, if known to queue
// by the tail. `alone`: nothing older is left.
struct GiveUpRequest {
  std::optional<std::string> predecessor;
  bool alone = false;
  MarkerValue marker;                             // the own one
  std::span<const FinishedMarker> finished = {};  // as for a release
};
Transaction GiveUpTransaction(const LockKeys& keys, const Standing& own,
                              const GiveUpRequest& request);
// Ends only the member: for a full store, and where the marker must go on to warn. Whoever comes
// next waits a recovery. Succeeded: the marker stood.
Transaction DropMemberTransaction(const LockKeys& keys, const Standing& own);

// For a claim that may have landed unseen after what is known of it, and whose lease has been
// revoked since. A marker that is known is left as its claim left it.
Transaction AbandonTransaction(const LockKeys& keys, const Standing& own, MarkerValue marker);

// Everything older than a claim.
Transaction ScanTransaction(const LockKeys& keys, const Standing& own);
struct ScanReply {
  std::optional<KeyValue> own_member;
  std::optional<KeyValue> slots;
  std::vector<KeyValue> markers;  // of older claims
  std::vector<KeyValue> members;  // of older claims, ours and others'
};
ScanReply ReadScanReply(const TransactionReply& reply);

// The keys of one predecessor.
Transaction LookTransaction(const LockKeys& keys, const Standing& own,
                            const std::string& predecessor);
struct LookReply {
  std::optional<KeyValue> own_member;
  std::optional<KeyValue> slots;
  std::optional<KeyValue> member;
  std::optional<KeyValue> marker;
};
LookReply ReadLookReply(const TransactionReply& reply);

// The oldest of the queue: who holds it.
Transaction HolderTransaction(const LockKeys& keys);
std::optional<KeyValue> ReadHolderReply(const TransactionReply& reply);

// Leaves in markers how long their members are known to have been gone.
struct CreditWrite {
  FinishedMarker marker;
  MarkerValue value;
};
Transaction CreditTransaction(const LockKeys& keys, std::span<const CreditWrite> credits);

}  // namespace monopod::etcd
