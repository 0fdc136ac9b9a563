// Where a lock lives in etcd (docs/PROTOCOL.md, "Store: etcd").
//
//   PREFIXlocks/NAME/~ID   a claim's member of the queue, leased
//   PREFIXlocks/NAME/...   members of others: `etcdctl lock PREFIXlocks/NAME`, Go's
//                          concurrency.Mutex. Theirs are hexadecimal and so sort before "~".
//   PREFIXmarks/NAME/ID    a claim's marker: stands from the claim until it is known to be over
//   PREFIXtails/NAME       the ID of the youngest claim, for locks of one slot
//   PREFIXslots/NAME       the number of slots, where one was said
//
// Markers and tails are outside PREFIXlocks/NAME/, since others would wait for them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "src/etcd/api.h"

namespace monopod::etcd {

// The first key after all that begin with `prefix`.
std::string EndOfPrefix(std::string prefix);

// An ID: the lease that the claim was made with, and the claim's nonce. Used by one claim
// transaction only.
std::string MakeId(LeaseId lease, std::string_view nonce);
// The nonce of an ID, or nothing if it is none.
std::optional<std::string> NonceOfId(std::string_view id);

class LockKeys {
 public:
  // `prefix` ends with '/'. `lock` is a checked name.
  LockKeys(std::string prefix, std::string lock);

  std::string Member(std::string_view id) const { return Joined(members_, id); }
  std::string Marker(std::string_view id) const { return Joined(marks_, id); }
  const std::string& Tail() const { return tail_; }
  const std::string& Slots() const { return slots_; }

  // All keys of the queue; those of others only; all markers. As [first, second).
  struct Bounds {
    std::string begin;
    std::string end;
  };
  static Bounds One(std::string key) { return {.begin = std::move(key), .end = {}}; }
  Bounds Queue() const { return {.begin = locks_, .end = EndOfPrefix(locks_)}; }
  Bounds Foreign() const { return {.begin = locks_, .end = members_}; }
  Bounds Markers() const { return {.begin = marks_, .end = EndOfPrefix(marks_)}; }

  // The ID in a key of ours, or nothing if the key is another's.
  std::optional<std::string> IdOfMember(std::string_view key) const;
  std::optional<std::string> IdOfMarker(std::string_view key) const;

 private:
  static std::string Joined(std::string_view beginning, std::string_view id);

  std::string locks_;
  std::string members_;  // ours
  std::string marks_;
  std::string tail_;
  std::string slots_;
};

// What a key under the prefix belongs to, for listings; nothing for keys that are not ours.
struct LockKey {
  enum class Kind : std::uint8_t { kMember, kForeign, kMarker, kTail, kSlots };
  Kind kind = Kind::kMember;
  std::string lock;
  std::string id;  // of members and markers
};
std::optional<LockKey> ParseLockKey(std::string_view prefix, std::string_view key);

}  // namespace monopod::etcd
