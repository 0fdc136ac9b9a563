// Lock names: the same rule on every store, so that a lock can move between them.
#pragma once

#include <string>
#include <string_view>

#include "monopod/result.h"

namespace monopod {

inline constexpr std::size_t kMaxLockNameLength = 200;
inline constexpr int kMaxSlots = 128;

// An RFC 1123 subdomain of at most 200 characters: lower-case letters, digits, '-' and '.', each
// dot-separated label of at most 63 beginning and ending with a letter or digit. Names of slot
// records ("x.slot-1") are reserved. Fails with kInvalidArgument; the message quotes the name.
Result<void> CheckLockName(std::string_view name);

// The record that keeps a slot: slot 0 is called like the lock, the others "NAME.slot-N".
std::string SlotRecordName(std::string_view lock, int slot);

// The inverse.
struct SlotName {
  std::string lock;
  int slot = 0;
};
SlotName ParseSlotRecordName(std::string_view record);

}  // namespace monopod
