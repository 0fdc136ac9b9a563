// What a store keeps for one slot of a lock: the typed record that the record
// machine reads and replaces by compare-and-swap.
//
// A record carries no store bytes, so that each adapter can lay it out as its
// users expect (a Lease's spec, a ConfigMap's data, columns of a table).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "monopod/types.h"
#include "src/base/clock.h"

namespace monopod::protocol {

using monopod::Holder;
using monopod::HoldKind;
using monopod::Token;

enum class Phase : std::uint8_t {
  kFree,        // nobody holds; `owed_kill` says what the next holder must wait out
  kRecovering,  // claimed, but the work has not begun: earlier work may still run
  kHeld,        // the holder's work may run
  kRetired,     // a surplus slot of a lock that was made smaller; nobody may claim it
};

struct Record {
  // Format of the record; a store refuses to read a newer one and never overwrites it.
  static constexpr int kFormat = 1;

  Phase phase = Phase::kFree;
  HoldKind kind = HoldKind::kProcess;
  // Held by something that is not monopod (no instance recorded): never judged stale,
  // unless the candidate was given a foreign TTL. Set by adapters, never written.
  bool foreign = false;

  Holder holder;      // blank when free
  Token token = 0;    // of the present hold, or of the last one when free
  std::string stamp;  // nonce of the last write that changed the hold (claim, renewal, end)
  std::string edit;   // nonce of the last write of any kind; tells a writer whether it landed
  // Nonce given at creation and kept by every write; a change shows that the record was
  // deleted and made anew.
  std::string origin;

  std::chrono::milliseconds ttl{0};   // of the present hold
  std::chrono::milliseconds kill{0};  // its work is dead by proof + kill
  // Longest kill time of earlier work that may still run; whoever follows waits it out.
  std::chrono::milliseconds owed_kill{0};
  // How long (instance, stamp) is known to have stayed the same, as of this record's last
  // write. Every write that changes the stamp resets it.
  std::chrono::milliseconds credit{0};

  WallTime acquired{};  // for people; never compared to decide anything
  WallTime renewed{};
  std::string note;  // how the last hold ended when it did not end by release, or empty

  // Slot 0 only. 0: the lock was never used, and takes the number of its first user.
  int slots = 0;
  int resize_to = 0;      // a smaller number that is not in force yet, or 0
  std::string resize_id;  // nonce of the resize that wrote `resize_to`, or empty

  bool operator==(const Record&) const = default;
};

// Somebody has it, whether the work has begun or not.
inline bool IsClaimed(const Record& record) {
  return record.phase == Phase::kHeld || record.phase == Phase::kRecovering;
}

}  // namespace monopod::protocol
