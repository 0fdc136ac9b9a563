// What stands in a lock's keys: JSON, so that `etcdctl get --prefix monopod/` tells the truth to
// people. Unknown fields are ignored; a newer format is refused, never overwritten.
#pragma once

#include <chrono>
#include <string>

#include "monopod/result.h"
#include "monopod/types.h"
#include "src/etcd/api.h"

namespace monopod::etcd {

inline constexpr int kValueFormat = 1;

enum class MemberPhase : std::uint8_t {
  kQueued,   // holds as soon as it is its turn, perhaps already; it need not write to say so
  kWaiting,  // will not hold before it has written its member again
  kHeld,     // has said so
};

// Of a member: who asks or holds.
struct MemberValue {
  Holder holder;  // without `instance`: the key has it
  HoldKind kind = HoldKind::kProcess;
  MemberPhase phase = MemberPhase::kQueued;
  std::chrono::milliseconds ttl{0};
  std::chrono::milliseconds kill{0};
  std::string stamp;  // a nonce that each write of the member gets
  WallTime acquired{};
  WallTime renewed{};
  bool operator==(const MemberValue&) const = default;
};

enum class MarkerState : std::uint8_t {
  kLive,  // its work may begin, or run, or have been cut off
  kLeft,  // gave up: its work never began, and nothing is owed
  kOver,  // held, and says that its work is over
};

// Of a marker: what whoever comes next must know.
struct MarkerValue {
  MarkerState state = MarkerState::kLive;
  int slots = 1;  // the rule it queues by: 1 follows the tail, more counts ranks
  HoldKind kind = HoldKind::kProcess;
  std::chrono::milliseconds ttl{0};
  std::chrono::milliseconds kill{0};
  // The longest kill time of earlier work that this claim had to wait out when it was made.
  std::chrono::milliseconds owed{0};
  // How long the member is known to have been gone, as of this marker's last write.
  std::chrono::milliseconds credit{0};
  Holder holder;     // without `instance`, for people when the member is gone
  std::string note;  // how the hold was ended when it did not end itself
  bool operator==(const MarkerValue&) const = default;
};

struct SlotsValue {
  int slots = 1;
  int before = 0;  // a larger number that surplus holds may still have, or 0
  bool operator==(const SlotsValue&) const = default;
};

std::string Encode(const MemberValue& value);
std::string Encode(const MarkerValue& value);
std::string Encode(const SlotsValue& value);

// kUnsupported: a newer format, or no value of monopod at all; the message names the key.
Result<MemberValue> DecodeMember(const KeyValue& at);
Result<MarkerValue> DecodeMarker(const KeyValue& at);
Result<SlotsValue> DecodeSlots(const KeyValue& at);

}  // namespace monopod::etcd
