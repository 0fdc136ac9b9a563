#include "src/base/duration.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

namespace monopod {
namespace {

using std::chrono::nanoseconds;

constexpr std::array<std::pair<std::string_view, std::int64_t>, 6> kUnits = {{
    {"ns", 1},
    {"us", 1'000},
    {"ms", 1'000'000},
    {"s", 1'000'000'000},
    {"m", 60'000'000'000},
    {"h", 3'600'000'000'000},
}};

tl::unexpected<Error> NotADuration(std::string_view text) {
  return Fail(ErrorCode::kInvalidArgument,
              fmt::format("\"{}\" is not a duration: write numbers with the units ns, us, ms, s, "
                          "m or h, for example 15s, 1h30m or 500ms",
                          text));
}

std::string_view TakeWhile(std::string_view& rest, bool (*wanted)(char)) {
  std::size_t length = 0;
  while (length < rest.size() && wanted(rest[length])) ++length;
  const std::string_view taken = rest.substr(0, length);
  rest.remove_prefix(length);
  return taken;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return c >= 'a' && c <= 'z'; }

// One "1.5m" of "1.5m30s"; nothing when it is malformed or too large.
std::optional<std::int64_t> TakeTerm(std::string_view& rest) {
  const std::string_view whole = TakeWhile(rest, IsDigit);
  std::string_view fraction;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    fraction = TakeWhile(rest, IsDigit);
  }
  if (whole.empty() && fraction.empty()) return std::nullopt;
  const std::string_view name = TakeWhile(rest, IsLetter);
  for (const auto& [unit_name, unit] : kUnits) {
    if (unit_name != name) continue;
    std::int64_t count = 0;
    if (!whole.empty() &&
        std::from_chars(whole.data(), whole.data() + whole.size(), count).ec != std::errc{}) {
      return std::nullopt;
    }
    std::int64_t total = 0;
    if (__builtin_mul_overflow(count, unit, &total)) return std::nullopt;
    std::int64_t digit_value = unit;
    for (char digit : fraction) {
      digit_value /= 10;
      if (__builtin_add_overflow(total, digit_value * (digit - '0'), &total)) return std::nullopt;
    }
    return total;
  }
  return std::nullopt;
}

}  // namespace

Result<nanoseconds> ParseDuration(std::string_view text) {
  if (text == "0") return nanoseconds(0);
  if (text.empty()) return NotADuration(text);
  std::int64_t total = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::optional<std::int64_t> term = TakeTerm(rest);
    if (!term || __builtin_add_overflow(total, *term, &total)) return NotADuration(text);
  }
  return nanoseconds(total);
}

std::string FormatDuration(nanoseconds duration) {
  const auto milliseconds = std::chrono::round<std::chrono::milliseconds>(duration).count();
  if (milliseconds < 0) return "-" + FormatDuration(-duration);
  if (milliseconds != 0 && milliseconds < 1000) return fmt::format("{}ms", milliseconds);
  const auto hours = milliseconds / 3'600'000;
  const auto minutes = milliseconds / 60'000 % 60;
  const auto seconds = milliseconds % 60'000;
  std::string text;
  if (hours > 0) text += fmt::format("{}h", hours);
  if (minutes > 0) text += fmt::format("{}m", minutes);
  if (seconds > 0 || text.empty()) text += fmt::format("{}s", static_cast<double>(seconds) / 1000);
  return text;
}

}  // namespace monopod
