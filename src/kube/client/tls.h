// TLS 1.2 or newer over a socket, by OpenSSL.
//
// Threads: one at a time.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "monopod/result.h"
#include "src/kube/client/access.h"
#include "src/kube/client/socket.h"

namespace monopod::kube {

class TlsSession {
 public:
  // Reads the certificates; contacts nobody. `host` is whom the server's certificate must be for.
  // The socket must live as long as the session. Fails with kDenied.
  static Result<std::unique_ptr<TlsSession>> Make(Socket& socket, const TlsAccess& access,
                                                  const std::string& host);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;
  ~TlsSession();

  Step ShakeHands();
  Step Receive(std::span<char> into);
  Step Send(std::string_view bytes);

  // True if there is nothing to read, and the connection stands as far as is known.
  bool IsQuiet();

  // After a failure: whether one side does not trust the other's certificate, and the reason in
  // words.
  std::optional<std::string> Distrust() const;

 private:
  struct Impl;
  explicit TlsSession(std::unique_ptr<Impl> impl);
  Step Judge(int result);
  std::unique_ptr<Impl> impl_;
};

}  // namespace monopod::kube
