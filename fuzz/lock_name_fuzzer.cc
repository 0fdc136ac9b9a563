// The first byte is a slot, the others a lock's name: what is accepted can be a record's name and
// be told apart from the records of every other lock.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/check.h"
#include "src/base/lock_name.h"

using monopod::fuzz::Check;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const int slot = data[0] % monopod::kMaxSlots;
  const std::string_view name(reinterpret_cast<const char*>(data + 1), size - 1);
  if (const auto checked = monopod::CheckLockName(name); !checked) {
    Check(checked.error().code == monopod::ErrorCode::kInvalidArgument);
    Check(!checked.error().message.empty());
    return 0;
  }
  Check(!name.empty() && name.size() <= monopod::kMaxLockNameLength);
  Check(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-") == std::string_view::npos);
  const std::string record = monopod::SlotRecordName(name, slot);
  const monopod::SlotName parsed = monopod::ParseSlotRecordName(record);
  Check(parsed.lock == name && parsed.slot == slot);
  Check((slot == 0) == monopod::CheckLockName(record).has_value());
  return 0;
}
