#include "src/lock/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace monopod::lock {

Result<void> CheckText(std::string_view what, std::string_view text) {
  constexpr std::size_t kMaxLength = 256;
  const bool printable = std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte != 0x7f;
  });
  if (printable && text.size() <= kMaxLength) return {};
  return Fail(ErrorCode::kInvalidArgument,
              fmt::format("the {} is not allowed: at most {} bytes and no control characters", what,
                          kMaxLength));
}

}  // namespace monopod::lock
