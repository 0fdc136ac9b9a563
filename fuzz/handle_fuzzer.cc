// A handle, which a script passes around: what is accepted means the same when printed.
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
    // It may be a secret with a typing error: the message says nothing of it.
    Check(parsed.error().message == monopod::Handle::Parse("").error().message);
    return 0;
  }
  Check(monopod::CheckLockName(parsed->lock).has_value());
  Check(parsed->slot >= 0 && parsed->slot < monopod::kMaxSlots);
  const auto again = monopod::Handle::Parse(parsed->ToString());
  Check(again.has_value());
  Check(again->lock == parsed->lock && again->slot == parsed->slot);
  Check(again->token == parsed->token && again->instance == parsed->instance);
  return 0;
}
