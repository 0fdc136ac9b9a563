// Lets connections come back while no call waits for them.
//
// gRPC moves bytes only while some thread waits for something of the channel. Calls that fail at
// once, since there is no connection, would leave an attempt to connect where it stands until it
// times out, and so on for ever. This thread always waits, for the state of each connection.
//
// Threads: Drive is for any.
#pragma once

#include <memory>

namespace monopod::etcd {

struct Endpoint;  // stubs.h

class ConnectionDriver {
 public:
  ConnectionDriver();
  ConnectionDriver(const ConnectionDriver&) = delete;
  ConnectionDriver& operator=(const ConnectionDriver&) = delete;
  // All endpoints that it drives must be gone.
  ~ConnectionDriver();

  // Until it is gone; does not keep it.
  void Drive(const std::shared_ptr<Endpoint>& endpoint);

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace monopod::etcd
