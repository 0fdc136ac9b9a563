#include "src/election/hold_sight.h"

#include "src/protocol/times.h"

namespace monopod::election {

HoldMark MarkOf(const SlotStatus& slot) {
  return {.token = slot.token,
          .renewed = slot.renewed,
          .ttl = slot.ttl,
          .is_sticky = slot.kind == HoldKind::kSticky};
}

std::optional<HoldMark> FindHold(const LockStatus& status) {
  for (const SlotStatus& slot : status.slot) {
    if (slot.state != SlotState::kFree && slot.state != SlotState::kRetired) return MarkOf(slot);
  }
  return std::nullopt;
}

bool HoldSight::GoesOn(const HoldMark& seen, BootTime now) {
  const bool same = seen.token == last_.token && seen.renewed == last_.renewed;
  last_ = seen;
  if (!unchanged_since_ || !same) unchanged_since_ = now;
  return seen.is_sticky || now - *unchanged_since_ < protocol::SilenceToTakeOver(seen.ttl);
}

}  // namespace monopod::election
