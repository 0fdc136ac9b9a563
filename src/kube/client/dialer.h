// New connections to the API server: its name, an address that answers, the proxy, TLS.
//
// Threads: any.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monopod/result.h"
#include "src/base/clock.h"
#include "src/kube/client/access.h"
#include "src/kube/client/connection.h"
#include "src/kube/client/single_flight.h"
#include "src/kube/client/socket.h"
#include "src/kube/client/url.h"

namespace monopod::kube {

class Dialer {
 public:
  // `server` has the scheme http or https.
  Dialer(Url server, std::optional<Proxy> proxy)
      : server_(std::move(server)), proxy_(std::move(proxy)) {}

  // Tries every address of the name, each for its share of the time left. Fails with kUnavailable
  // or kDenied; the message names the step that failed.
  Result<std::unique_ptr<Connection>> Dial(const TlsAccess& tls, BootTime deadline);

 private:
  Result<std::vector<Address>> Resolve(const std::string& host, const std::string& port,
                                       BootTime deadline);
  Result<std::unique_ptr<Connection>> Connect(BootTime deadline);
  // Has the proxy connect on.
  Result<void> Tunnel(Connection& connection, BootTime deadline) const;

  const Url server_;
  const std::optional<Proxy> proxy_;
  SingleFlight<Result<std::vector<Address>>> lookup_;
};

}  // namespace monopod::kube
