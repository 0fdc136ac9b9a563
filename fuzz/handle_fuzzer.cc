// A handle, which a script passes around: what is accepted is the only text of that handle.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz/check.h"
#include "monopod/lock_client.h"
#include "src/base/lock_name.h"

using monopod::fuzz::Check;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = monopod::Handle::Parse(text);
  if (!parsed) {
    Check(parsed.error().code == monopod::ErrorCode::kInvalidArgument);
    // It may be a secret with a typing error.
    Check(size < 32 || parsed.error().message.find(text) == std::string::npos);
    return 0;
  }
  Check(monopod::CheckLockName(parsed->lock).has_value());
  Check(parsed->slot >= 0 && parsed->slot < monopod::kMaxSlots);
  Check(parsed->ToString() == text);
  return 0;
}
