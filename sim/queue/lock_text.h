// What the checker reads in keys and values, as docs/PROTOCOL.md says it: on its own, since it
// shares no code with the machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sim/claim_id.h"

namespace monopod::sim::queue {

inline constexpr const char* kPrefix = "monopod/";
inline constexpr const char* kLockName = "x";
inline constexpr std::string_view kMemberKeys = "monopod/locks/x/~";
inline constexpr std::string_view kForeignKeys = "monopod/locks/x/";
inline constexpr std::string_view kMarkerKeys = "monopod/marks/x/";
inline constexpr std::string_view kSlotsKey = "monopod/slots/x";

// The instance of a claim must be hexadecimal here.
std::string NonceOf(ClaimId claim);

enum class KeyKind : std::uint8_t { kMember, kForeign, kMarker, kTail, kSlots };
struct KeyText {
  KeyKind kind = KeyKind::kTail;
  std::optional<ClaimId> owner;  // of members and markers
};
KeyText ReadKey(std::string_view key);

bool IsLive(std::string_view marker_value);
// The number behind "name": in a value, or 0.
std::int64_t NumberIn(std::string_view value, std::string_view name);

}  // namespace monopod::sim::queue
