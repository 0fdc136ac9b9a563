// What lock machines have in common when calls fail, and how the renewals of many are kept apart.
#pragma once

#include <chrono>
#include <string_view>

#include "monopod/result.h"

namespace monopod::protocol {

// Whether the error will not go away by trying again.
bool IsPermanent(ErrorCode code);

inline constexpr std::chrono::milliseconds kFirstBackoff{20};
// From a failed call to the next; `last` is what it was before this failure, or 0. Doubles up to
// half of an attempt.
std::chrono::nanoseconds NextBackoff(std::chrono::nanoseconds last,
                                     std::chrono::milliseconds attempt);

// Up to a tenth of `renew`, by the last hexadecimal digit of a nonce: renewals of many holders that
// started together, each this much earlier, drift apart.
std::chrono::nanoseconds RenewJitter(std::string_view nonce, std::chrono::milliseconds renew);

}  // namespace monopod::protocol
