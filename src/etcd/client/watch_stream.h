// One Watch stream at one endpoint, from its opening to its end.
//
// Threads: Next is for one thread, which also makes and destroys it; Send and Cancel are for any.
#pragma once

#include <memory>
#include <string>

#include "src/base/clock.h"

namespace etcdserverpb {
class WatchRequest;
class WatchResponse;
}  // namespace etcdserverpb

namespace monopod::etcd {

struct Endpoint;  // stubs.h

class WatchStream {
 public:
  // Opens it, without waiting for that.
  WatchStream(Endpoint& endpoint, const std::string& token);
  WatchStream(const WatchStream&) = delete;
  WatchStream& operator=(const WatchStream&) = delete;
  // Cancels it, and waits for its end, which takes no answer of the server.
  ~WatchStream();

  // Sent in this order, once the stream is open.
  void Send(etcdserverpb::WatchRequest request);
  void Cancel();

  enum class Turn : std::uint8_t { kResponse, kSent, kTimeout, kOver };
  // Waits for a response, for a request to be sent, for the end of the stream, or for `until`.
  Turn Next(BootTime until, etcdserverpb::WatchResponse& response);

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace monopod::etcd
