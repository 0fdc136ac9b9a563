// The text form of a handle.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "monopod/lock_client.h"
#include "src/base/lock_name.h"

namespace monopod {
namespace {

template <class Number>
std::optional<Number> ParseNumber(std::string_view text) {
  Number number{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

tl::unexpected<Error> NotAHandle() {
  // The text may hold somebody's secret: it is not quoted.
  return Fail(ErrorCode::kInvalidArgument,
              "that is not a handle: expected NAME:SLOT:TOKEN:INSTANCE as `monopod acquire` "
              "prints it");
}

}  // namespace

std::string Handle::ToString() const {
  return fmt::format("{}:{}:{}:{}", lock, slot, token, instance);
}

Result<Handle> Handle::Parse(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t colon = text.find(':');
    parts.push_back(text.substr(0, colon));
    if (colon == std::string_view::npos) break;
    text.remove_prefix(colon + 1);
  }
  if (parts.size() != 4 || !CheckLockName(parts[0])) return NotAHandle();
  const auto slot = ParseNumber<int>(parts[1]);
  const auto token = ParseNumber<Token>(parts[2]);
  const bool is_nonce = parts[3].size() == 32 && std::ranges::all_of(parts[3], [](char c) {
                          return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                        });
  if (!slot || *slot < 0 || *slot >= kMaxSlots || !token || !is_nonce) return NotAHandle();
  return Handle{.lock = std::string(parts[0]),
                .slot = *slot,
                .token = *token,
                .instance = std::string(parts[3])};
}

}  // namespace monopod
