#include "monopod/result.h"

namespace monopod {

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "invalid-argument";
    case ErrorCode::kConflict: return "conflict";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kIndeterminate: return "indeterminate";
    case ErrorCode::kOutOfSpace: return "out-of-space";
    case ErrorCode::kDenied: return "denied";
    case ErrorCode::kDeadlineExceeded: return "deadline-exceeded";
    case ErrorCode::kNotHolder: return "not-holder";
    case ErrorCode::kStoreReplaced: return "store-replaced";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kNotFound: return "not-found";
    case ErrorCode::kInternal: return "internal";
  }
  return "internal";
}

}  // namespace monopod
