#include "tests/faults/relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "tests/faults/child.h"

namespace monopod::faults {
namespace {

using std::chrono::milliseconds;

// Beyond that nothing more is read, as a full buffer of the kernel would have it.
constexpr std::size_t kMostInFlight = std::size_t{1} << 20U;
constexpr milliseconds kRetransmission(200);

sockaddr_in SocketAddress(const Address& address) {
  sockaddr_in socket_address{};
  socket_address.sin_family = AF_INET;
  socket_address.sin_port = htons(static_cast<std::uint16_t>(address.port));
  inet_pton(AF_INET, address.host.c_str(), &socket_address.sin_addr);
  return socket_address;
}

int Socket() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  return fd;
}

bool WouldBlock() {
  return errno == EAGAIN || errno == EINTR || errno == ENOTCONN || errno == EINPROGRESS;
}

}  // namespace

Relay::Relay(const Options& options) : target_(options.target), random_(options.seed) {
  listener_ = Socket();
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  const sockaddr_in address = SocketAddress(options.listen);
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(listener_, SOMAXCONN) != 0) {
    Abort("the relay cannot listen");
  }
  thread_ = std::thread([this] { Run(); });
}

Relay::~Relay() {
  is_ending_ = true;
  const std::uint64_t one = 1;
  (void)!write(wake_, &one, sizeof(one));
  thread_.join();
  close(listener_);
  close(wake_);
}

void Relay::Set(const LinkQuality& quality) {
  const std::lock_guard lock(mutex_);
  quality_ = quality;
}

void Relay::Run() {
  while (!is_ending_) {
    Await();
    Accept();
    for (Connection& connection : connections_) {
      for (Direction* direction : {&connection.up, &connection.down}) {
        Receive(connection, *direction);
        Forward(connection, *direction);
      }
      if (!connection.is_over) continue;
      close(connection.up.from);
      close(connection.up.to);
    }
    std::erase_if(connections_, [](const Connection& connection) { return connection.is_over; });
  }
  for (const Connection& connection : connections_) {
    close(connection.up.from);
    close(connection.up.to);
  }
}

// Until there is something to receive, or a chunk is due.
void Relay::Await() {
  std::vector<pollfd> polled = {{.fd = wake_, .events = POLLIN, .revents = 0},
                                {.fd = listener_, .events = POLLIN, .revents = 0}};
  BootTime due = BootClock::now() + std::chrono::seconds(1);
  for (const Connection& connection : connections_) {
    for (const Direction* direction : {&connection.up, &connection.down}) {
      if (!direction->chunks.empty()) due = std::min(due, direction->chunks.front().due);
      if (direction->size < kMostInFlight) {
        polled.push_back({.fd = direction->from, .events = POLLIN, .revents = 0});
      }
    }
  }
  // A chunk that is due and was not taken is tried again a little later.
  const auto left = std::max<std::chrono::nanoseconds>(due - BootClock::now(), milliseconds(1));
  const timespec timeout = ToTimespec(left);
  ppoll(polled.data(), polled.size(), &timeout, nullptr);
}

void Relay::Accept() {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0) return;
  const int on = 1;
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const int server = Socket();
  const sockaddr_in address = SocketAddress(target_);
  // Whether it succeeds shows when something is sent.
  (void)connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  Connection& connection = connections_.emplace_back();
  connection.up.from = connection.down.to = client;
  connection.up.to = connection.down.from = server;
}

void Relay::Receive(Connection& connection, Direction& direction) {
  if (connection.is_over || direction.size >= kMostInFlight) return;
  std::array<char, 65536> buffer{};
  const ssize_t count = recv(direction.from, buffer.data(), buffer.size(), 0);
  if (count > 0) {
    const BootTime due = DueTime(direction);
    direction.chunks.push_back(
        {.due = due, .bytes = std::string(buffer.data(), static_cast<std::size_t>(count))});
    direction.size += static_cast<std::size_t>(count);
    const std::lock_guard lock(mutex_);
    connection.is_over = quality_.broken > 0 && random_.Chance(quality_.broken);
  } else if (count == 0 || !WouldBlock()) {
    connection.is_over = true;
  }
}

BootTime Relay::DueTime(const Direction& direction) {
  const std::lock_guard lock(mutex_);
  std::chrono::nanoseconds delay = quality_.delay;
  if (quality_.spread > milliseconds(0)) {
    delay += milliseconds(random_.Below(static_cast<std::uint64_t>(quality_.spread.count())));
  }
  if (quality_.loss > 0 && random_.Chance(quality_.loss)) delay += kRetransmission;
  const BootTime due = BootClock::now() + delay;
  return direction.chunks.empty() ? due : std::max(due, direction.chunks.back().due);
}

void Relay::Forward(Connection& connection, Direction& direction) {
  const BootTime now = BootClock::now();
  while (!connection.is_over && !direction.chunks.empty() && direction.chunks.front().due <= now) {
    std::string& bytes = direction.chunks.front().bytes;
    const ssize_t sent = send(direction.to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      connection.is_over = !WouldBlock();
      return;
    }
    bytes.erase(0, static_cast<std::size_t>(sent));
    direction.size -= static_cast<std::size_t>(sent);
    if (bytes.empty()) direction.chunks.pop_front();
  }
}

}  // namespace monopod::faults
