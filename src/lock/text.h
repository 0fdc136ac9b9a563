// Texts that users give and others read.
#pragma once

#include <string_view>

#include "monopod/result.h"

namespace monopod::lock {

// They go into records, logs and terminals: at most 256 bytes of UTF-8, and no control characters.
// The error (kInvalidArgument) says `what` was refused.
Result<void> CheckText(std::string_view what, std::string_view text);

}  // namespace monopod::lock
