#include "src/etcd/lock_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace monopod::etcd {
namespace {

constexpr std::string_view kLocks = "locks/";
constexpr std::string_view kMarks = "marks/";
constexpr std::string_view kTails = "tails/";
constexpr std::string_view kSlots = "slots/";

bool IsHexadecimal(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::string EndOfPrefix(std::string prefix) {
  // Our prefixes end with '/', which has a successor.
  ++prefix.back();
  return prefix;
}

std::string MakeId(LeaseId lease, std::string_view nonce) {
  return fmt::format("{:x}-{}", lease, nonce);
}

std::optional<std::string> NonceOfId(std::string_view id) {
  const std::size_t dash = id.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view nonce = id.substr(dash + 1);
  if (!IsHexadecimal(id.substr(0, dash)) || !IsHexadecimal(nonce)) return std::nullopt;
  return std::string(nonce);
}

LockKeys::LockKeys(std::string prefix, std::string lock)
    : locks_(fmt::format("{}{}{}/", prefix, kLocks, lock)),
      members_(locks_ + "~"),
      marks_(fmt::format("{}{}{}/", prefix, kMarks, lock)),
      tail_(fmt::format("{}{}{}", prefix, kTails, lock)),
      slots_(fmt::format("{}{}{}", prefix, kSlots, lock)) {}

// Machines compare keys all the time: one piece of memory each.
std::string LockKeys::Joined(std::string_view beginning, std::string_view id) {
  std::string key;
  key.reserve(beginning.size() + id.size());
  key.append(beginning).append(id);
  return key;
}

std::optional<std::string> LockKeys::IdOfMember(std::string_view key) const {
  if (!TakePrefix(key, members_) || !NonceOfId(key)) return std::nullopt;
  return std::string(key);
}

std::optional<std::string> LockKeys::IdOfMarker(std::string_view key) const {
  if (!TakePrefix(key, marks_) || !NonceOfId(key)) return std::nullopt;
  return std::string(key);
}

std::optional<LockKey> ParseLockKey(std::string_view prefix, std::string_view key) {
  using Kind = LockKey::Kind;
  if (!TakePrefix(key, prefix)) return std::nullopt;
  for (const auto& [word, kind] :
       {std::pair(kTails, Kind::kTail), std::pair(kSlots, Kind::kSlots)}) {
    if (TakePrefix(key, word)) return LockKey{.kind = kind, .lock = std::string(key), .id = {}};
  }
  const bool is_marker = key.starts_with(kMarks);
  if (!TakePrefix(key, is_marker ? kMarks : kLocks)) return std::nullopt;
  const std::size_t slash = key.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  LockKey parsed{.kind = is_marker ? Kind::kMarker : Kind::kMember,
                 .lock = std::string(key.substr(0, slash)),
                 .id = std::string(key.substr(slash + 1))};
  if (is_marker) return parsed;
  if (!parsed.id.starts_with('~')) {
    parsed.kind = Kind::kForeign;
  } else {
    parsed.id.erase(0, 1);
  }
  return parsed;
}

}  // namespace monopod::etcd
