#include "src/etcd/client/refusal.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

namespace monopod::etcd {
namespace {

// How long a second handshake may take.
constexpr std::chrono::seconds kPatience(1);

// gRPC's "...; last error: UNKNOWN: ipv4:127.0.0.1:2379: Connection refused", taken apart.
struct LastError {
  sockaddr_storage address{};
  socklen_t address_size = 0;
  std::string reason;
};

std::optional<LastError> Parse(const std::string& message) {
  const bool is_ipv6 = message.find(": ipv6:%5B") != std::string::npos;
  const std::string_view start = is_ipv6 ? ": ipv6:%5B" : ": ipv4:";
  const std::string_view middle = is_ipv6 ? "%5D:" : ":";
  const std::size_t found = message.rfind(start);
  if (found == std::string::npos) return std::nullopt;
  const std::size_t host = found + start.size();
  const std::size_t host_end = message.find(middle, host);
  if (host_end == std::string::npos) return std::nullopt;
  const char* const port = message.data() + host_end + middle.size();
  std::uint16_t number = 0;
  const auto [rest, failed] = std::from_chars(port, message.data() + message.size(), number);
  if (failed != std::errc()) return std::nullopt;
  LastError error;
  error.reason = message.substr(static_cast<std::size_t>(rest - message.data()));
  error.reason.erase(0, error.reason.find_first_not_of(": "));
  const std::string text = message.substr(host, host_end - host);
  int parsed = 0;
  if (is_ipv6) {
    auto& address = reinterpret_cast<sockaddr_in6&>(error.address);
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(number);
    parsed = inet_pton(AF_INET6, text.c_str(), &address.sin6_addr);
    error.address_size = sizeof(address);
  } else {
    auto& address = reinterpret_cast<sockaddr_in&>(error.address);
    address.sin_family = AF_INET;
    address.sin_port = htons(number);
    parsed = inet_pton(AF_INET, text.c_str(), &address.sin_addr);
    error.address_size = sizeof(address);
  }
  if (parsed != 1) return std::nullopt;
  return error;
}

struct Socket {
  explicit Socket(int family) : fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd >= 0) close(fd);
  }
  bool Await(short events, BootTime deadline) const {
    while (true) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - BootClock::now()).count();
      if (left <= 0) return false;
      pollfd polled{.fd = fd, .events = events, .revents = 0};
      const int ready = poll(&polled, 1, static_cast<int>(left));
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) return false;
    }
  }
  const int fd;
};

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Context = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, Deleter<SSL_free>>;

std::string LastReason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason == nullptr ? "no reason given" : reason;
}

// What is wrong with our own files, if anything.
std::optional<Error> Load(SSL_CTX& context, const TlsOptions& tls) {
  const bool has_roots = tls.ca_file.empty()
                             ? SSL_CTX_set_default_verify_paths(&context) == 1
                             : SSL_CTX_load_verify_file(&context, tls.ca_file.c_str()) == 1;
  if (!has_roots) {
    return Error{ErrorCode::kDenied, fmt::format("the CA certificate {} cannot be used: {}",
                                                 tls.ca_file, LastReason())};
  }
  if (tls.certificate_file.empty()) return std::nullopt;
  if (SSL_CTX_use_certificate_chain_file(&context, tls.certificate_file.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(&context, tls.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return Error{ErrorCode::kDenied,
                 fmt::format("the client certificate {} and its key {} cannot be used: {}",
                             tls.certificate_file, tls.key_file, LastReason())};
  }
  return std::nullopt;
}

void ExpectHost(SSL& session, std::string_view endpoint) {
  std::string host(endpoint.substr(0, endpoint.rfind(':')));
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  X509_VERIFY_PARAM* const expected = SSL_get0_param(&session);
  if (X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str()) == 1) return;
  X509_VERIFY_PARAM_set1_host(expected, host.c_str(), host.size());
  SSL_ctrl(&session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host.data());
}

// Repeats a step of OpenSSL until it is done or has failed, or for as long as there is time.
template <class Step>
int Complete(SSL& session, const Socket& socket, BootTime deadline, const Step& step) {
  while (true) {
    ERR_clear_error();
    const int result = step();
    if (result > 0) return result;
    const int error = SSL_get_error(&session, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return result;
    if (!socket.Await(error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline)) return 1;
  }
}

// Why the handshake failed, or the connection right after it; nothing if that is not known.
std::optional<Error> Judge(const SSL& session, const TlsOptions& tls) {
  const long verified = SSL_get_verify_result(&session);
  if (verified != X509_V_OK) {
    return Error{ErrorCode::kDenied, fmt::format("its certificate is not trusted: {}",
                                                 X509_verify_cert_error_string(verified))};
  }
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  if (reason == SSL_R_WRONG_VERSION_NUMBER ||
      (SSL_is_init_finished(&session) == 0 && reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)) {
    return Error{ErrorCode::kUnavailable,
                 "it does not speak TLS; does it expect plain connections (etcd://)?"};
  }
  if (reason < SSL_AD_REASON_OFFSET) return std::nullopt;
  return Error{ErrorCode::kDenied,
               fmt::format("{}: {}",
                           tls.certificate_file.empty()
                               ? "it refuses us, perhaps for want of a client certificate"
                               : "it refuses our certificate",
                           LastReason())};
}

std::optional<Error> ShakeHands(SSL_CTX& context, const LastError& last, const Refused& refused) {
  const BootTime deadline = std::min(refused.deadline, BootClock::now() + kPatience);
  const Socket socket(last.address.ss_family);
  const auto& address = reinterpret_cast<const sockaddr&>(last.address);
  if (connect(socket.fd, &address, last.address_size) != 0 && errno != EINPROGRESS) {
    return std::nullopt;
  }
  const Session session(SSL_new(&context));
  SSL_set_fd(session.get(), socket.fd);
  const bool skip = refused.tls->skip_verification;
  SSL_set_verify(session.get(), skip ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  if (!skip) ExpectHost(*session, refused.endpoint);
  if (!socket.Await(POLLOUT, deadline)) return std::nullopt;
  int result = Complete(*session, socket, deadline, [&] { return SSL_connect(session.get()); });
  char byte = 0;
  // Whether the server takes our certificate shows after our half of the handshake.
  if (result > 0) {
    result = Complete(*session, socket, deadline,
                      [&] { return SSL_read(session.get(), &byte, sizeof(byte)); });
  }
  return result > 0 ? std::nullopt : Judge(*session, *refused.tls);
}

std::optional<Error> ExplainTls(const std::optional<LastError>& last, const Refused& refused) {
  const Context context(SSL_CTX_new(TLS_client_method()));
  auto explained = Load(*context, *refused.tls);
  if (!explained && last) explained = ShakeHands(*context, *last, refused);
  ERR_clear_error();
  return explained;
}

}  // namespace

Error ExplainRefusal(const std::string& message, const Refused& refused) {
  const auto last = Parse(message);
  if (refused.tls != nullptr) {
    auto explained = ExplainTls(last, refused);
    if (explained) return std::move(*explained);
  }
  if (!last) return {ErrorCode::kUnavailable, message};
  if (refused.tls == nullptr &&
      (last->reason == "Socket closed" || last->reason == "Endpoint read failed")) {
    return {ErrorCode::kUnavailable,
            "it closes the connection; does it expect TLS (etcds://), or is it no etcd?"};
  }
  return {ErrorCode::kUnavailable, fmt::format("no connection: {}", last->reason)};
}

}  // namespace monopod::etcd
