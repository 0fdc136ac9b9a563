#include "src/election/announcement.h"

#include <fmt/format.h>

#include <charconv>

#include "src/base/lock_name.h"

namespace monopod::election {
namespace {

constexpr std::string_view kSuffix = ".preferred";
constexpr std::string_view kPurpose = "candidate with priority ";

std::optional<int> ParsePurpose(std::string_view purpose) {
  if (!purpose.starts_with(kPurpose)) return std::nullopt;
  purpose.remove_prefix(kPurpose.size());
  int priority = 0;
  const auto parsed = std::from_chars(purpose.data(), purpose.data() + purpose.size(), priority);
  const bool whole = parsed.ec == std::errc{} && parsed.ptr == purpose.data() + purpose.size();
  if (!whole || priority < 0 || priority > kMaxPriority) return std::nullopt;
  return priority;
}

}  // namespace

std::string AnnouncementLock(std::string_view election) {
  return fmt::format("{}{}", election, kSuffix);
}

Result<void> CheckElectionName(std::string_view name, bool with_priority) {
  if (name.ends_with(kSuffix)) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("the name \"{}\" is reserved for the candidates of the election \"{}\"",
                            name, name.substr(0, name.size() - kSuffix.size())));
  }
  if (!with_priority) return {};
  if (const auto checked = CheckLockName(AnnouncementLock(name)); !checked) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("with a priority the name of the election needs room for \"{}\": {}",
                            kSuffix, checked.error().message));
  }
  return {};
}

std::string AnnouncementPurpose(int priority) { return fmt::format("{}{}", kPurpose, priority); }

std::optional<Announcement> FindAnnouncement(const LockStatus& status) {
  for (const SlotStatus& slot : status.slot) {
    if (slot.state == SlotState::kFree || slot.state == SlotState::kRetired) continue;
    const auto priority = ParsePurpose(slot.holder.purpose);
    if (!priority || slot.foreign || slot.kind != HoldKind::kProcess) continue;
    return Announcement{.priority = *priority, .hold = MarkOf(slot)};
  }
  return std::nullopt;
}

}  // namespace monopod::election
