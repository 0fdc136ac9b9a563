#include "src/kube/client/dialer.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "src/kube/client/http_message.h"

namespace monopod::kube {
namespace {

tl::unexpected<Error> Unavailable(std::string message) {
  return Fail(ErrorCode::kUnavailable, std::move(message));
}

// The answer to CONNECT, as far as its header.
Result<int> ReadStatus(Connection& connection, BootTime deadline) {
  AnswerParser answer;
  std::array<char, 4096> buffer{};
  while (!answer.has_header()) {
    Moved moved = connection.Read(buffer, deadline);
    if (!moved.is_done()) return Unavailable(std::move(moved.reason));
    auto wrong = answer.Feed({buffer.data(), moved.size});
    if (wrong && !answer.has_header()) return Unavailable(std::move(*wrong));
    if (BootClock::now() >= deadline) return Unavailable("no whole answer in time");
  }
  return answer.status();
}

}  // namespace

Result<std::vector<Address>> Dialer::Resolve(const std::string& host, const std::string& port,
                                             BootTime deadline) {
  auto addresses = ParseAddresses(host, port);
  if (!addresses.empty()) return addresses;
  auto found = lookup_.Run([host, port] { return LookUp(host, port); }, deadline);
  if (!found) return Unavailable(fmt::format("the name {} cannot be resolved in time", host));
  if (*found) return std::move(*found);
  // Always this machine (RFC 6761), also where there is no /etc/hosts to say so.
  if (host == "localhost") return ParseAddresses("127.0.0.1", port);
  return Unavailable(
      fmt::format("the name {} cannot be resolved: {}", host, found->error().message));
}

Result<std::unique_ptr<Connection>> Dialer::Connect(BootTime deadline) {
  const std::string& host = proxy_ ? proxy_->host : server_.host;
  const std::string& port = proxy_ ? proxy_->port : server_.port;
  const auto addresses = Resolve(host, port, deadline);
  if (!addresses) return Fail(addresses.error());
  std::string reasons;
  for (std::size_t i = 0; i < addresses->size(); ++i) {
    const BootTime now = BootClock::now();
    const auto share = (deadline - now) / static_cast<std::int64_t>(addresses->size() - i);
    auto socket = Socket::Connect((*addresses)[i], now + share);
    if (socket) return std::make_unique<Connection>(std::move(*socket));
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", (*addresses)[i].text,
                           socket.error().message);
  }
  return Unavailable(fmt::format("no connection{}: {}", proxy_ ? " to the proxy" : "", reasons));
}

Result<void> Dialer::Tunnel(Connection& connection, BootTime deadline) const {
  const std::string target = server_.Authority();
  Headers headers;
  if (!proxy_->authorization.empty()) {
    headers.emplace_back("Proxy-Authorization", proxy_->authorization);
  }
  const Moved sent = connection.Write(
      RenderRequest({.method = "CONNECT", .target = target, .host = target}, headers, {}),
      deadline);
  const auto status = sent.is_done() ? ReadStatus(connection, deadline) : Unavailable(sent.reason);
  const std::string proxy = fmt::format("the proxy {}:{}", proxy_->host, proxy_->port);
  if (!status) return Unavailable(fmt::format("{}: {}", proxy, status.error().message));
  if (*status >= 200 && *status < 300) return {};
  if (*status == 407) {
    return Fail(ErrorCode::kDenied,
                fmt::format("{} {} (407)", proxy,
                            proxy_->authorization.empty() ? "wants a user and a password"
                                                          : "refuses the user or the password"));
  }
  return Unavailable(fmt::format("{} does not connect on: it answers {}", proxy, *status));
}

Result<std::unique_ptr<Connection>> Dialer::Dial(const TlsAccess& tls, BootTime deadline) {
  auto connection = Connect(deadline);
  if (!connection) return connection;
  if (proxy_) {
    auto tunnelled = Tunnel(**connection, deadline);
    if (!tunnelled) return Fail(std::move(tunnelled.error()));
  }
  if (server_.scheme == "https") {
    auto started =
        (*connection)
            ->StartTls(tls, tls.server_name.empty() ? server_.host : tls.server_name, deadline);
    if (!started) return Fail(std::move(started.error()));
  }
  return connection;
}

}  // namespace monopod::kube
