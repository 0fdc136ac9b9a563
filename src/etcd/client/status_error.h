// What the end of a call means: whether it may have landed, and what to do next.
//
// Pure; any thread.
#pragma once

#include <string_view>

#include "monopod/result.h"
#include "src/base/clock.h"

namespace grpc {
class Status;
}

namespace monopod::etcd {

struct Attempt {
  std::string_view what;  // "grant of a lease"
  std::string_view endpoint;
  bool repeatable = false;  // it does no harm twice
  BootClock::duration waited{0};
};

struct Failure {
  enum class Next : std::uint8_t {
    kTell,          // nothing else would help, or it may have landed
    kAuthenticate,  // the token is not known any more: it did not land
    kTryElsewhere,  // it did not land, or does no harm twice
  };
  Next next = Next::kTell;
  Error error;
};

// `status` is not OK, and of a call that was sent.
Failure Judge(const grpc::Status& status, const Attempt& attempt);

// "etcd at HOST:PORT: grant of a lease: TEXT"
std::string Describe(const Attempt& attempt, std::string_view text);

}  // namespace monopod::etcd
