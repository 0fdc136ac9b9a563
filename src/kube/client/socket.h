// A TCP connection that never blocks, and waiting for it under a deadline.
//
// A dead peer is noticed after 5 s without an acknowledgement (TCP_USER_TIMEOUT, and keep-alives
// while nothing is sent). SIGPIPE is not raised.
//
// Threads: one at a time.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "monopod/result.h"
#include "src/base/clock.h"

namespace monopod::kube {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  std::string text;  // "10.0.0.1:6443"
};

// Blocks, without a deadline, unless `host` is an address. kUnavailable says why there is none.
Result<std::vector<Address>> LookUp(const std::string& host, const std::string& port);
// An address written as text, which takes no time; empty if it is a name.
std::vector<Address> ParseAddresses(const std::string& host, const std::string& port);

// What one attempt to move bytes came to.
struct Step {
  enum class Kind : std::uint8_t { kMoved, kWantsToRead, kWantsToWrite, kEnded, kFailed };
  Kind kind = Kind::kMoved;
  std::size_t size = 0;  // moved
  std::string reason;    // of the failure
};

class Socket {
 public:
  // Fails with kUnavailable; the message is the reason alone.
  static Result<std::unique_ptr<Socket>> Connect(const Address& address, BootTime deadline);
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket();

  Step Receive(std::span<char> into);
  Step Send(std::string_view bytes);

  // Until it can be read from, or written to; kReady may be wrong.
  enum class Awaited : std::uint8_t { kReady, kDeadline, kStopped };
  Awaited Await(Step::Kind wanted, BootTime deadline, const std::stop_token& stop = {});

 private:
  Socket(int fd, int timer, int wake) : fd_(fd), timer_(timer), wake_(wake) {}

  const int fd_;
  const int timer_;  // of CLOCK_BOOTTIME, by which no poll can wait
  const int wake_;
};

}  // namespace monopod::kube
