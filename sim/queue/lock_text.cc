#include "sim/queue/lock_text.h"

#include <fmt/format.h>

#include <charconv>

namespace monopod::sim::queue {
namespace {

std::optional<ClaimId> OwnerIn(std::string_view id) {
  const std::size_t dash = id.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  ClaimId claim = 0;
  std::from_chars(id.data() + dash + 1, id.data() + id.size(), claim, 16);
  return claim;
}

}  // namespace

std::string NonceOf(ClaimId claim) { return fmt::format("{:04x}", claim); }

KeyText ReadKey(std::string_view key) {
  if (key == kSlotsKey) return {.kind = KeyKind::kSlots};
  if (key.starts_with(kMemberKeys)) {
    return {.kind = KeyKind::kMember, .owner = OwnerIn(key.substr(kMemberKeys.size()))};
  }
  if (key.starts_with(kForeignKeys)) return {.kind = KeyKind::kForeign};
  if (key.starts_with(kMarkerKeys)) {
    return {.kind = KeyKind::kMarker, .owner = OwnerIn(key.substr(kMarkerKeys.size()))};
  }
  return {.kind = KeyKind::kTail};
}

bool IsLive(std::string_view marker_value) {
  return marker_value.find("\"state\":\"live\"") != std::string_view::npos;
}

std::int64_t NumberIn(std::string_view value, std::string_view name) {
  const std::string quoted = fmt::format("\"{}\":", name);
  const std::size_t at = value.find(quoted);
  std::int64_t number = 0;
  if (at == std::string_view::npos) return number;
  const std::string_view rest = value.substr(at + quoted.size());
  std::from_chars(rest.data(), rest.data() + rest.size(), number);
  return number;
}

}  // namespace monopod::sim::queue
