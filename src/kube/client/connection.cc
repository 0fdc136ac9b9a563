#include "src/kube/client/connection.h"

#include <utility>

namespace monopod::kube {
namespace {

// Longer pieces gain nothing, and a deadline is looked at between them.
constexpr std::size_t kPiece = std::size_t{1} << 18;

}  // namespace

template <class Attempt>
Moved Connection::Complete(const Attempt& attempt, BootTime deadline, const std::stop_token& stop) {
  while (true) {
    Step step = attempt();
    switch (step.kind) {
      case Step::Kind::kMoved: return {.size = step.size, .reason = {}};
      case Step::Kind::kEnded:
        return {.end = Moved::End::kClosed, .reason = "the connection was closed"};
      case Step::Kind::kFailed:
        return {.end = Moved::End::kFailed, .reason = std::move(step.reason)};
      case Step::Kind::kWantsToRead:
      case Step::Kind::kWantsToWrite: break;
    }
    switch (socket_->Await(step.kind, deadline, stop)) {
      case Socket::Awaited::kReady: break;
      case Socket::Awaited::kStopped: return {.end = Moved::End::kStopped, .reason = "stopped"};
      case Socket::Awaited::kDeadline:
        return {.end = Moved::End::kDeadline, .reason = "no answer in time"};
    }
  }
}

Result<void> Connection::StartTls(const TlsAccess& access, const std::string& host,
                                  BootTime deadline) {
  auto session = TlsSession::Make(*socket_, access, host);
  if (!session) return Fail(std::move(session.error()));
  tls_ = std::move(*session);
  Moved done = Complete([this] { return tls_->ShakeHands(); }, deadline, {});
  if (done.is_done()) return {};
  if (done.end == Moved::End::kClosed) done.reason = "the connection was closed";
  return Fail(tls_->Distrust() ? ErrorCode::kDenied : ErrorCode::kUnavailable,
              "no TLS: " + done.reason);
}

Moved Connection::Write(std::string_view bytes, BootTime deadline) {
  while (!bytes.empty()) {
    if (BootClock::now() >= deadline) {
      return {.end = Moved::End::kDeadline, .reason = "it is not read in time"};
    }
    const std::string_view piece = bytes.substr(0, kPiece);
    Moved moved =
        Complete([&] { return tls_ ? tls_->Send(piece) : socket_->Send(piece); }, deadline, {});
    if (!moved.is_done()) return moved;
    bytes.remove_prefix(moved.size);
  }
  return {};
}

Moved Connection::Read(std::span<char> into, BootTime deadline, const std::stop_token& stop) {
  return Complete([&] { return tls_ ? tls_->Receive(into) : socket_->Receive(into); }, deadline,
                  stop);
}

bool Connection::IsQuiet() {
  if (tls_) return tls_->IsQuiet();
  char byte = 0;
  // A byte would be lost, but then the connection is not used any more.
  return socket_->Receive({&byte, 1}).kind == Step::Kind::kWantsToRead;
}

std::optional<std::string> Connection::Distrust() const {
  return tls_ ? tls_->Distrust() : std::nullopt;
}

}  // namespace monopod::kube
