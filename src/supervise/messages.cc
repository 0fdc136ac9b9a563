#include "src/supervise/messages.h"

#include <sys/socket.h>

#include <cerrno>

namespace monopod::supervise {

std::optional<Report> ReceiveReport(int socket) {
  Report report;
  for (;;) {
    const ssize_t size = recv(socket, &report, sizeof report, MSG_DONTWAIT);
    // A guardian that ended with a request unread resets the connection, and the kernel tells
    // of that once, before the guardian's last words.
    if (size < 0 && (errno == ECONNRESET || errno == EINTR)) continue;
    if (size != sizeof report) return std::nullopt;
    return report;
  }
}

}  // namespace monopod::supervise
