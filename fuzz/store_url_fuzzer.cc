// A store's URL: what is accepted means the same when printed. The default, which depends on the
// environment, is left out.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/check.h"
#include "src/lock/store_url.h"

using monopod::fuzz::Check;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.empty()) return 0;
  const auto parsed = monopod::lock::ParseStoreUrl(text);
  if (!parsed) {
    Check(parsed.error().code == monopod::ErrorCode::kInvalidArgument);
    Check(!parsed.error().message.empty());
    return 0;
  }
  Check(!parsed->is_default);
  const std::string printed = parsed->ToString();
  const auto again = monopod::lock::ParseStoreUrl(printed);
  Check(again.has_value() && again->ToString() == printed);
  return 0;
}
