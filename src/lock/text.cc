#include "src/lock/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace monopod::lock {
namespace {

bool IsUtf8(std::string_view text) {
  try {
    (void)nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

}  // namespace

Result<void> CheckText(std::string_view what, std::string_view text) {
  constexpr std::size_t kMaxLength = 256;
  const bool printable = std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte != 0x7f;
  });
  if (printable && text.size() <= kMaxLength && IsUtf8(text)) return {};
  return Fail(
      ErrorCode::kInvalidArgument,
      fmt::format("the {} is not allowed: at most {} bytes of UTF-8, and no control characters",
                  what, kMaxLength));
}

}  // namespace monopod::lock
