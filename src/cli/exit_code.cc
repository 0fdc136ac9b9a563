#include "src/cli/exit_code.h"

namespace monopod::cli {

ExitCode ExitCodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return kUsage;
    case ErrorCode::kConflict: return kNotAcquired;
    case ErrorCode::kUnavailable: return kUnreachable;
    case ErrorCode::kIndeterminate: return kOutcomeUnknown;
    case ErrorCode::kOutOfSpace: return kUnreachable;
    case ErrorCode::kDenied: return kDeniedAccess;
    case ErrorCode::kDeadlineExceeded: return kUnreachable;
    case ErrorCode::kNotHolder: return kFencedOff;
    case ErrorCode::kStoreReplaced: return kUnreachable;
    case ErrorCode::kUnsupported: return kNewerFormat;
    case ErrorCode::kNotFound: return kNoSuchLock;
    case ErrorCode::kInternal: return kInternalError;
  }
  return kInternalError;
}

}  // namespace monopod::cli
