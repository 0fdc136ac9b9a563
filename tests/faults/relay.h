// A relay between clients and a server that makes the network between them slow and lossy: the
// kernel here has no netem. A stream has no lost packets, only late bytes, so loss is what TCP
// makes of it: bytes that stand still for a retransmission's time, and at times a connection that
// breaks.
//
// Threads: one of its own relays; calls may come from any.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sim/random.h"
#include "src/base/clock.h"

namespace monopod::faults {

struct Address {
  std::string host;  // in numbers
  int port = 0;
};

// The default: as fast as it can, and nothing is lost.
struct LinkQuality {
  std::chrono::milliseconds delay{0};
  std::chrono::milliseconds spread{0};  // up to so much more
  double loss = 0;                      // of chunks: they, and what follows, come 200 ms later
  double broken = 0;                    // of chunks: the connection is cut
};

class Relay {
 public:
  struct Options {
    Address listen;
    Address target;
    std::uint64_t seed = 1;
  };
  // Aborts the trial if it cannot listen.
  explicit Relay(const Options& options);
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay();

  void Set(const LinkQuality& quality);

 private:
  struct Chunk {
    BootTime due;
    std::string bytes;
  };
  struct Direction {
    int from = -1;
    int to = -1;
    std::deque<Chunk> chunks;
    std::size_t size = 0;
  };
  struct Connection {
    Direction up;
    Direction down;
    bool is_over = false;
  };

  void Run();
  void Await();
  void Accept();
  void Receive(Connection& connection, Direction& direction);
  static void Forward(Connection& connection, Direction& direction);
  BootTime DueTime(const Direction& direction);

  const Address target_;
  int listener_ = -1;
  int wake_ = -1;
  std::atomic<bool> is_ending_ = false;
  std::mutex mutex_;  // guards quality_
  LinkQuality quality_;
  sim::Random random_;                  // of the thread
  std::deque<Connection> connections_;  // of the thread
  std::thread thread_;
};

}  // namespace monopod::faults
