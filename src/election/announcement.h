// How a candidate that waits says its priority: it holds a second lock, whose purpose has the
// number.
//
// Nothing is protected by that hold, so nobody needs to wait for its end. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "monopod/lock_client.h"
#include "monopod/result.h"
#include "src/election/hold_sight.h"

namespace monopod::election {

inline constexpr int kMaxPriority = 1'000'000;

// "NAME.preferred".
std::string AnnouncementLock(std::string_view election);

// Whether a name may be an election's: it is no announcement's itself, and has room for the suffix.
// kInvalidArgument.
Result<void> CheckElectionName(std::string_view name, bool with_priority);

// "candidate with priority 7".
std::string AnnouncementPurpose(int priority);

struct Announcement {
  int priority = 0;
  HoldMark hold;
};
// What stands in the announcement's lock, silent or not; nothing if nobody holds it, or something
// that is no candidate, which is let alone.
std::optional<Announcement> FindAnnouncement(const LockStatus& status);

}  // namespace monopod::election
