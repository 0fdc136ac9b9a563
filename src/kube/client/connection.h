// Bytes to and from a server, over TCP or TLS, each move under a deadline.
//
// Threads: one at a time.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "monopod/result.h"
#include "src/base/clock.h"
#include "src/kube/client/socket.h"
#include "src/kube/client/tls.h"

namespace monopod::kube {

// What a move came to.
struct Moved {
  enum class End : std::uint8_t { kDone, kClosed, kFailed, kDeadline, kStopped };
  End end = End::kDone;
  std::size_t size = 0;
  std::string reason;  // unless kDone, for people

  bool is_done() const { return end == End::kDone; }
};

class Connection {
 public:
  explicit Connection(std::unique_ptr<Socket> socket) : socket_(std::move(socket)) {}

  // From here on all is encrypted. Fails with kDenied if a certificate is not trusted or ours
  // cannot be used, else with kUnavailable.
  Result<void> StartTls(const TlsAccess& access, const std::string& host, BootTime deadline);

  // All of it, or it has failed. Part of it may have been sent then, but not its last byte.
  Moved Write(std::string_view bytes, BootTime deadline);

  // What has come, waiting for at least a byte.
  Moved Read(std::span<char> into, BootTime deadline, const std::stop_token& stop = {});

  // True if nothing has come, and the connection stands as far as is known.
  bool IsQuiet();

  // After a failure: why one side does not trust the other, if that is it.
  std::optional<std::string> Distrust() const;

 private:
  // Repeats a step until it is through.
  template <class Attempt>
  Moved Complete(const Attempt& attempt, BootTime deadline, const std::stop_token& stop);

  std::unique_ptr<Socket> socket_;
  std::unique_ptr<TlsSession> tls_;  // nullptr: plain
};

}  // namespace monopod::kube
