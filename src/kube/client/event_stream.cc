#include "src/kube/client/event_stream.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace monopod::kube {
namespace {

// An object of Kubernetes has at most about 1.5 MB in etcd, and a few times that as JSON.
constexpr std::size_t kLongestLine = std::size_t{16} << 20;

}  // namespace

HttpEventStream::HttpEventStream(std::string server, std::unique_ptr<Connection> connection,
                                 std::unique_ptr<AnswerParser> answer)
    : server_(std::move(server)),
      connection_(std::move(connection)),
      answer_(std::move(answer)),
      unread_(answer_->TakeBody()) {}

Result<std::optional<std::string>> HttpEventStream::Next(BootTime deadline,
                                                         const std::stop_token& stop) {
  std::array<char, 16384> buffer{};
  while (!stop.stop_requested()) {
    if (auto line = TakeLine()) return line;
    if (connection_ == nullptr || answer_->is_done()) return Fail(Over(end_));
    if (unread_.size() > kLongestLine) return Fail(Over("a line is too long"));
    Moved moved = connection_->Read(buffer, deadline, stop);
    switch (moved.end) {
      case Moved::End::kDone: break;
      case Moved::End::kDeadline:
      case Moved::End::kStopped: return std::nullopt;
      case Moved::End::kClosed:
      case Moved::End::kFailed: return Fail(Over(moved.reason));
    }
    auto wrong = answer_->Feed({buffer.data(), moved.size});
    unread_ += answer_->TakeBody();
    if (wrong) return Fail(Over(*wrong));
    // A server that never stops sending must not hold us.
    if (BootClock::now() >= deadline) return TakeLine();
  }
  return std::nullopt;
}

// An empty line is none.
std::optional<std::string> HttpEventStream::TakeLine() {
  while (true) {
    const std::size_t end = unread_.find('\n', searched_);
    searched_ = end == std::string::npos ? unread_.size() : 0;
    if (end == std::string::npos) return std::nullopt;
    std::string line = unread_.substr(0, end);
    unread_.erase(0, end + 1);
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) return line;
  }
}

Error HttpEventStream::Over(const std::string& reason) {
  if (end_ != reason) end_ = reason;
  connection_.reset();
  return {ErrorCode::kUnavailable, fmt::format("{}: the watch is over: {}", server_, reason)};
}

}  // namespace monopod::kube
