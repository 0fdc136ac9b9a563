#include "src/etcd/client/status_error.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "src/base/duration.h"
#include "src/etcd/client/stubs.h"

namespace monopod::etcd {
namespace {

using Next = Failure::Next;

bool Says(const grpc::Status& status, std::string_view text) {
  return status.error_message().find(text) != std::string::npos;
}

std::string Reason(const grpc::Status& status, const Attempt& attempt) {
  if (Says(status, "database space exceeded")) {
    return fmt::format("its database is full, which raises the alarm NOSPACE ({})",
                       status.error_message());
  }
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return fmt::format("no answer within {}", FormatDuration(attempt.waited));
  }
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    return fmt::format("it does not speak etcd's version 3 API ({})", status.error_message());
  }
  if (Says(status, "user name is empty")) {
    return fmt::format("the cluster wants a user and a password ({})", status.error_message());
  }
  return status.error_message();
}

// What the server or the connection leaves open.
std::pair<Next, ErrorCode> Unknown(const Attempt& attempt) {
  if (attempt.repeatable) return {Next::kTryElsewhere, ErrorCode::kUnavailable};
  return {Next::kTell, ErrorCode::kIndeterminate};
}

std::pair<Next, ErrorCode> JudgeCode(const grpc::Status& status, const Attempt& attempt) {
  switch (status.error_code()) {
    case grpc::StatusCode::NOT_FOUND: return {Next::kTell, ErrorCode::kNotFound};
    case grpc::StatusCode::PERMISSION_DENIED: return {Next::kTell, ErrorCode::kDenied};
    case grpc::StatusCode::UNAUTHENTICATED: return {Next::kAuthenticate, ErrorCode::kDenied};
    case grpc::StatusCode::OUT_OF_RANGE: return {Next::kTell, ErrorCode::kInvalidArgument};
    case grpc::StatusCode::UNIMPLEMENTED: return {Next::kTryElsewhere, ErrorCode::kUnavailable};
    case grpc::StatusCode::INVALID_ARGUMENT:
      if (Says(status, "revision of auth store is old")) {
        return {Next::kAuthenticate, ErrorCode::kDenied};
      }
      if (Says(status, "authentication failed") || Says(status, "user name is empty")) {
        return {Next::kTell, ErrorCode::kDenied};
      }
      return {Next::kTell, ErrorCode::kInvalidArgument};
    case grpc::StatusCode::FAILED_PRECONDITION:
      if (Says(status, "lease already exists")) return {Next::kTell, ErrorCode::kConflict};
      if (Says(status, "authentication is not enabled")) return {Next::kTell, ErrorCode::kDenied};
      return {Next::kTell, ErrorCode::kInvalidArgument};
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      if (Says(status, "database space exceeded")) return {Next::kTell, ErrorCode::kOutOfSpace};
      // Said before the request is proposed to the cluster.
      if (Says(status, "too many requests")) return {Next::kTryElsewhere, ErrorCode::kUnavailable};
      return Unknown(attempt);
    case grpc::StatusCode::UNAVAILABLE:
      if (Says(status, "rpc not supported for learner")) {
        return {Next::kTryElsewhere, ErrorCode::kUnavailable};
      }
      return Unknown(attempt);
    default: return Unknown(attempt);
  }
}

}  // namespace

Failure Judge(const grpc::Status& status, const Attempt& attempt) {
  const auto [next, code] = JudgeCode(status, attempt);
  return {next, {code, Describe(attempt, Reason(status, attempt))}};
}

std::string Describe(const Attempt& attempt, std::string_view text) {
  return fmt::format("etcd at {}: {}: {}", attempt.endpoint, attempt.what, text);
}

}  // namespace monopod::etcd
