// What the keys of a lock show, for people and for resizing: who holds, who waits, what is owed.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "src/etcd/api.h"
#include "src/etcd/lock_keys.h"
#include "src/etcd/lock_values.h"

namespace monopod::etcd {

// All that stands under a lock's keys, read at one revision.
struct LockContents {
  std::vector<KeyValue> members;  // ours and others'
  std::vector<KeyValue> markers;
  std::optional<KeyValue> tail;
  std::optional<KeyValue> slots;
  bool empty() const { return members.empty() && markers.empty() && !tail && !slots; }
};

Transaction ReadLockTransaction(const LockKeys& keys);
LockContents ReadLockContents(const TransactionReply& reply);

// One claim, or one key of somebody else.
struct Claimed {
  std::string id;   // of ours
  std::string key;  // of the member; of the marker, if the member is gone
  Revision created = 0;
  bool foreign = false;
  bool alive = true;   // its member stands
  bool ended = false;  // only its marker stands, for whoever comes next to tidy away
  MemberValue member;
  MarkerValue marker;
  bool marker_known = false;
  Revision marker_mod = 0;
};

struct LockPicture {
  std::string name;
  SlotsValue slots;
  bool slots_said = false;
  std::vector<Claimed> claims;  // oldest first

  // Those that hold or may hold, oldest first: of those that count ranks, the ones that said so; of
  // those that queue by the tail, the first; and those whose member is gone while their work may go
  // on.
  std::vector<const Claimed*> Holders() const;
  // Whether no more than `slots` can hold, also if everybody who waits begins as the present number
  // of slots lets them: who is older than a holder may begin at any time.
  bool Fits(int slots) const;
  // How many wait behind them.
  int Waiting() const;

 private:
  std::vector<const Claimed*> Unended() const;
  bool MayHold(const Claimed& claimed) const;
};

// kUnsupported: a value cannot be read; the message names its key.
Result<LockPicture> DrawLock(std::string name, const LockKeys& keys, const LockContents& contents);

}  // namespace monopod::etcd
