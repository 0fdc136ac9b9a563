#include "src/base/lock_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace monopod {
namespace {

constexpr std::string_view kSlotSuffix = ".slot-";
constexpr std::size_t kMaxLabelLength = 63;

bool IsAlphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool IsLabel(std::string_view label) {
  return !label.empty() && label.size() <= kMaxLabelLength && IsAlphanumeric(label.front()) &&
         IsAlphanumeric(label.back()) &&
         std::ranges::all_of(label, [](char c) { return IsAlphanumeric(c) || c == '-'; });
}

bool IsSubdomain(std::string_view name) {
  while (true) {
    const std::size_t dot = name.find('.');
    if (!IsLabel(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

// Control bytes would garble a terminal and a log line.
std::string Printable(std::string_view text) {
  std::string printable;
  for (const char c : text.substr(0, kMaxLockNameLength + 1)) {
    const auto byte = static_cast<unsigned char>(c);
    printable += byte < 0x20 || byte == 0x7f ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
  }
  return printable;
}

}  // namespace

Result<void> CheckLockName(std::string_view name) {
  if (name.empty()) return Fail(ErrorCode::kInvalidArgument, "the lock name is empty");
  if (name.size() > kMaxLockNameLength) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("the lock name \"{}...\" has {} characters; at most {} are allowed",
                            Printable(name.substr(0, 40)), name.size(), kMaxLockNameLength));
  }
  if (!IsSubdomain(name)) {
    return Fail(
        ErrorCode::kInvalidArgument,
        fmt::format("\"{}\" is not a lock name: lower-case letters, digits, '-' and '.' are "
                    "allowed, and each part between dots has at most 63 characters and "
                    "begins and ends with a letter or digit (an RFC 1123 subdomain)",
                    Printable(name)));
  }
  if (ParseSlotRecordName(name).slot != 0) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("the lock name \"{}\" is reserved for a slot of the lock \"{}\"; use "
                            "that name with --slots",
                            name, ParseSlotRecordName(name).lock));
  }
  return {};
}

std::string SlotRecordName(std::string_view lock, int slot) {
  return slot == 0 ? std::string(lock) : fmt::format("{}{}{}", lock, kSlotSuffix, slot);
}

SlotName ParseSlotRecordName(std::string_view record) {
  const std::size_t suffix = record.rfind(kSlotSuffix);
  if (suffix == std::string_view::npos || suffix == 0) return {.lock = std::string(record)};
  const std::string_view number = record.substr(suffix + kSlotSuffix.size());
  int slot = 0;
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), slot);
  const bool whole = parsed.ec == std::errc{} && parsed.ptr == number.data() + number.size();
  // Every number is reserved, so that a larger kMaxSlots of a later version finds no lock there.
  if (!whole || slot < 1 || number.front() == '0') return {.lock = std::string(record)};
  return {.lock = std::string(record.substr(0, suffix)), .slot = slot};
}

}  // namespace monopod
