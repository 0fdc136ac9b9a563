// Why there is no connection, for whoever is on call. gRPC knows, but does not tell why a
// certificate was not trusted; so the handshake is made once more.
//
// Threads: any.
#pragma once

#include <string>

#include "monopod/result.h"
#include "src/base/clock.h"
#include "src/etcd/client/client_options.h"

namespace monopod::etcd {

struct Refused {
  std::string endpoint;             // host:port
  const TlsOptions* tls = nullptr;  // nullptr: without TLS
  BootTime deadline;
};

// `message` is gRPC's. kDenied if one side does not trust the other, else kUnavailable.
Error ExplainRefusal(const std::string& message, const Refused& refused);

}  // namespace monopod::etcd
