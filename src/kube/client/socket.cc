#include "src/kube/client/socket.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "src/kube/client/url.h"

namespace monopod::kube {
namespace {

struct Information {
  addrinfo* first = nullptr;
  ~Information() {
    if (first != nullptr) freeaddrinfo(first);
  }
};

Result<std::vector<Address>> AskFor(const std::string& host, const std::string& port, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  Information found;
  const int failed = getaddrinfo(host.c_str(), port.c_str(), &hints, &found.first);
  if (failed != 0) {
    return Fail(ErrorCode::kUnavailable,
                failed == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(failed));
  }
  std::vector<Address> addresses;
  for (const addrinfo* one = found.first; one != nullptr; one = one->ai_next) {
    Address address{.storage = {}, .size = one->ai_addrlen, .text = {}};
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST) == 0) {
      address.text = JoinHostPort(text.data(), port);
    }
    addresses.push_back(std::move(address));
  }
  return addresses;
}

void Set(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof(value));
}

void Configure(int fd) {
  Set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  Set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 5000);
  Set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  Set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 3);
  Set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 1);
}

tl::unexpected<Error> Unavailable(int error) {
  return Fail(ErrorCode::kUnavailable, std::strerror(error));
}

bool WouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

Result<std::vector<Address>> LookUp(const std::string& host, const std::string& port) {
  return AskFor(host, port, 0);
}

std::vector<Address> ParseAddresses(const std::string& host, const std::string& port) {
  return AskFor(host, port, AI_NUMERICHOST).value_or(std::vector<Address>());
}

Result<std::unique_ptr<Socket>> Socket::Connect(const Address& address, BootTime deadline) {
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  const int out_of_descriptors = errno;
  std::unique_ptr<Socket> made(new Socket(fd, timer, wake));
  if (fd < 0 || timer < 0 || wake < 0) return Unavailable(out_of_descriptors);
  Configure(fd);
  // Interrupted, it goes on by itself.
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) == 0) {
    return made;
  }
  if (errno != EINPROGRESS && errno != EINTR) return Unavailable(errno);
  if (made->Await(Step::Kind::kWantsToWrite, deadline) == Awaited::kDeadline) {
    return Fail(ErrorCode::kUnavailable, "no answer in time");
  }
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return Unavailable(error);
  return made;
}

Socket::~Socket() {
  for (const int fd : {fd_, timer_, wake_}) {
    if (fd >= 0) close(fd);
  }
}

Step Socket::Receive(std::span<char> into) {
  const ssize_t count = recv(fd_, into.data(), into.size(), 0);
  if (count > 0) return {.size = static_cast<std::size_t>(count)};
  if (count == 0) return {.kind = Step::Kind::kEnded};
  if (WouldBlock(errno)) return {.kind = Step::Kind::kWantsToRead};
  return {.kind = Step::Kind::kFailed, .reason = std::strerror(errno)};
}

Step Socket::Send(std::string_view bytes) {
  const ssize_t count = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count >= 0) return {.size = static_cast<std::size_t>(count)};
  if (WouldBlock(errno)) return {.kind = Step::Kind::kWantsToWrite};
  return {.kind = Step::Kind::kFailed, .reason = std::strerror(errno)};
}

Socket::Awaited Socket::Await(Step::Kind wanted, BootTime deadline, const std::stop_token& stop) {
  eventfd_t ignored = 0;
  eventfd_read(wake_, &ignored);  // what an earlier stop left
  const std::stop_callback on_stop(stop, [this] { eventfd_write(wake_, 1); });
  if (stop.stop_requested()) return Awaited::kStopped;
  if (BootClock::now() >= deadline) return Awaited::kDeadline;
  itimerspec at{};
  if (deadline != BootTime::max()) at.it_value = ToTimespec(deadline.time_since_epoch());
  timerfd_settime(timer_, TFD_TIMER_ABSTIME, &at, nullptr);
  const auto events = static_cast<short>(wanted == Step::Kind::kWantsToWrite ? POLLOUT : POLLIN);
  std::array<pollfd, 3> fds = {{{.fd = fd_, .events = events, .revents = 0},
                                {.fd = timer_, .events = POLLIN, .revents = 0},
                                {.fd = wake_, .events = POLLIN, .revents = 0}}};
  while (poll(fds.data(), fds.size(), -1) < 0) {
  }
  if (fds[2].revents != 0) return Awaited::kStopped;
  return fds[0].revents == 0 ? Awaited::kDeadline : Awaited::kReady;
}

}  // namespace monopod::kube
