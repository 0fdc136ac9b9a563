// Results and errors of every monopod call.
//
// A call that can fail returns Result<T>. An Error carries a code, which is
// chosen by what the caller does next, and a message for a person, which says
// what was wrong, where, and what is allowed. Waiting in vain for a lock is not
// an error: calls that wait return it as a value.
//
// No monopod function throws, but for std::bad_alloc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace monopod {

enum class ErrorCode : std::uint8_t {
  kInvalidArgument,   // A name, time, URL or setting is not allowed. Fix it; a retry cannot help.
  kConflict,          // The state changed since it was read. Read again, decide again.
  kUnavailable,       // The store did not do it, now. Retry within your own deadline.
  kIndeterminate,     // It may have happened, or may still happen. Read back before anything else.
  kOutOfSpace,        // The store's space is used up. Free some; what was sent may have landed.
  kDenied,            // The store or the file system refuses. Fix the rights.
  kDeadlineExceeded,  // Time ran out before the store was asked; nothing happened.
  kNotHolder,         // The hold is over or was never yours. Stop the work it covered.
  kStoreReplaced,     // The store is not the one that was opened: each hold in it is lost. Reopen.
  kUnsupported,       // A record or store was written by a newer monopod. Upgrade this one.
  kNotFound,          // No such lock. Create it, or check the name.
  kInternal,          // A bug of monopod. Report it with the message.
};

// The code's name as logs and JSON print it: "invalid-argument", "conflict", ...
std::string_view ErrorCodeName(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;  // the linter refuses to let one go unlooked at

// Shorthand for `return Fail(ErrorCode::kDenied, "...")`.
inline tl::unexpected<Error> Fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}
inline tl::unexpected<Error> Fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace monopod
