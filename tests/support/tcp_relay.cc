#include "tests/support/tcp_relay.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <utility>
#include <vector>

#include "tests/support/loopback.h"

namespace monopod::testing {
namespace {

int Connect(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
  }
  close(fd);
  return -1;
}

bool SendAll(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

// Moves what has come; false at the end of the connection.
bool Move(int from, int to, bool swallow) {
  std::array<char, 65536> buffer{};
  const ssize_t count = recv(from, buffer.data(), buffer.size(), 0);
  if (count <= 0) return false;
  return swallow || SendAll(to, buffer.data(), static_cast<std::size_t>(count));
}

}  // namespace

TcpRelay::TcpRelay(int target_port)
    : target_port_(target_port),
      listener_(Listen()),
      port_(PortOf(listener_)),
      wake_(eventfd(0, EFD_CLOEXEC)),
      thread_([this] { Run(); }) {}

TcpRelay::TcpRelay(std::string nonsense)
    : target_port_(0),
      nonsense_(std::move(nonsense)),
      listener_(Listen()),
      port_(PortOf(listener_)),
      wake_(eventfd(0, EFD_CLOEXEC)),
      thread_([this] { Run(); }) {}

TcpRelay::~TcpRelay() {
  stopping_ = true;
  Wake();
  thread_.join();
  close(listener_);
  close(wake_);
}

void TcpRelay::Wake() const {
  const std::uint64_t one = 1;
  (void)!write(wake_, &one, sizeof(one));
}

void TcpRelay::Set(Mode mode) {
  mode_ = mode;
  Wake();
}

void TcpRelay::Cut() {
  cut_ = true;
  Wake();
}

void TcpRelay::Run() {
  while (!stopping_) {
    const auto readable = static_cast<short>(mode_ == Mode::kSilent ? 0 : POLLIN);
    std::vector<pollfd> polled = {{.fd = wake_, .events = POLLIN, .revents = 0},
                                  {.fd = listener_, .events = POLLIN, .revents = 0}};
    for (const Connection& connection : connections_) {
      polled.push_back({.fd = connection.client, .events = readable, .revents = 0});
      polled.push_back({.fd = connection.server, .events = readable, .revents = 0});
    }
    poll(polled.data(), polled.size(), -1);
    if (polled[0].revents != 0) {
      std::uint64_t ignored = 0;
      (void)!read(wake_, &ignored, sizeof(ignored));
      if (cut_.exchange(false)) CloseAll();
      continue;  // what was polled for may be no more
    }
    std::vector<Connection> left;
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      const Connection& connection = connections_[i];
      const bool open =
          Relay(connection, polled[2 + 2 * i].revents != 0, polled[3 + 2 * i].revents != 0);
      if (open) {
        left.push_back(connection);
      } else {
        Close(connection);
      }
    }
    connections_ = std::move(left);
    if (polled[1].revents != 0) Accept();
  }
  CloseAll();
}

// False at the end of the connection.
bool TcpRelay::Relay(const Connection& connection, bool from_client, bool from_server) const {
  if (from_client && !Move(connection.client, connection.server, /*swallow=*/false)) return false;
  return !from_server || Move(connection.server, connection.client, mode_ == Mode::kSwallowAnswers);
}

void TcpRelay::Accept() {
  Connection accepted{.client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC), .server = -1};
  if (target_port_ == 0) SendAll(accepted.client, nonsense_.data(), nonsense_.size());
  const bool is_silent = mode_ == Mode::kSilent;
  if (target_port_ != 0 && !is_silent) accepted.server = Connect(target_port_);
  if (accepted.server >= 0 || is_silent) {
    connections_.push_back(accepted);
  } else {
    Close(accepted);
  }
}

void TcpRelay::Close(const Connection& connection) {
  for (const int fd : {connection.client, connection.server}) {
    if (fd >= 0) close(fd);
  }
}

void TcpRelay::CloseAll() {
  for (const Connection& connection : connections_) Close(connection);
  connections_.clear();
}

}  // namespace monopod::testing
