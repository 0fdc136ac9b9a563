// A duration: what is printed can be read again, and means the same to the millisecond.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/check.h"
#include "src/base/duration.h"

using monopod::fuzz::Check;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed =
      monopod::ParseDuration(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!parsed) {
    Check(parsed.error().code == monopod::ErrorCode::kInvalidArgument);
    Check(!parsed.error().message.empty());
    return 0;
  }
  Check(parsed->count() >= 0);
  const std::string printed = monopod::FormatDuration(*parsed);
  const auto again = monopod::ParseDuration(printed);
  Check(again.has_value());
  Check(std::chrono::abs(*again - *parsed) <= std::chrono::milliseconds(1));
  Check(monopod::FormatDuration(*again) == printed);
  return 0;
}
