// Which errors of a store may be gone at the next try.
#pragma once

#include "monopod/result.h"

namespace monopod::election {

inline bool IsPassing(ErrorCode code) {
  switch (code) {
    case ErrorCode::kConflict:
    case ErrorCode::kUnavailable:
    case ErrorCode::kIndeterminate:
    case ErrorCode::kOutOfSpace:
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kNotHolder: return true;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kDenied:
    case ErrorCode::kStoreReplaced:
    case ErrorCode::kUnsupported:
    case ErrorCode::kNotFound:
    case ErrorCode::kInternal: return false;
  }
  return false;
}

}  // namespace monopod::election
