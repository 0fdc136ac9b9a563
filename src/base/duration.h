// Durations as people write them on command lines and in URLs: Go's syntax, as kubectl and
// etcdctl take it ("15s", "1h30m", "500ms", "1.5m"; "0" needs no unit).
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "monopod/result.h"

namespace monopod {

// Not negative, at most about 292 years. Fails with kInvalidArgument and a message that quotes
// the text and says what is allowed.
Result<std::chrono::nanoseconds> ParseDuration(std::string_view text);

// The shortest exact form down to milliseconds, rounded to them: "15s", "1h30m", "2.25s", "0s".
std::string FormatDuration(std::chrono::nanoseconds duration);

}  // namespace monopod
