#include "src/protocol/backoff.h"

#include <algorithm>

namespace monopod::protocol {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

bool IsPermanent(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kIndeterminate:
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kOutOfSpace:
    case ErrorCode::kConflict: return false;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kDenied:
    case ErrorCode::kNotHolder:
    case ErrorCode::kStoreReplaced:
    case ErrorCode::kUnsupported:
    case ErrorCode::kNotFound:
    case ErrorCode::kInternal: return true;
  }
  return true;
}

nanoseconds NextBackoff(nanoseconds last, milliseconds attempt) {
  const nanoseconds longest = std::max<nanoseconds>(kFirstBackoff, nanoseconds(attempt) / 2);
  return std::clamp<nanoseconds>(2 * last, kFirstBackoff, longest);
}

nanoseconds RenewJitter(std::string_view nonce, milliseconds renew) {
  const char digit = nonce.empty() ? '0' : nonce.back();
  const int value = digit >= 'a' ? digit - 'a' + 10 : digit - '0';
  return nanoseconds(renew) * std::clamp(value, 0, 15) / 150;
}

}  // namespace monopod::protocol
