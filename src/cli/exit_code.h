// The exit codes of every command: one table, also in the README and `monopod --help`.
#pragma once

#include "monopod/result.h"

namespace monopod::cli {

enum ExitCode : int {
  kOk = 0,
  kUsage = 64,        // flags, names, configuration
  kNewerFormat = 65,  // written by a newer monopod
  kNoSuchLock = 66,
  kUnreachable = 69,  // the store did not answer within --store-timeout, or failed
  kInternalError = 70,
  kOutcomeUnknown = 74,
  kNotAcquired = 75,  // busy or waited out; `run -E` sets another
  kFencedOff = 76,    // not, or no longer, the holder
  kDeniedAccess = 77,
  kLost = 122,  // the lock was lost while the command ran
  kCannotExecute = 126,
  kCommandNotFound = 127,
  kSignalBase = 128,  // + the signal's number
};

ExitCode ExitCodeOf(ErrorCode code);

}  // namespace monopod::cli
