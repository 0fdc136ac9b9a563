#include "src/kube/client/connection_pool.h"

#include <utility>

namespace monopod::kube {
namespace {

constexpr std::size_t kMostIdle = 4;
constexpr std::chrono::seconds kLongestIdle(30);

}  // namespace

std::unique_ptr<Connection> ConnectionPool::Take(const std::string& certificate) {
  const BootTime now = BootClock::now();
  while (true) {
    Idle last;
    {
      const std::lock_guard lock(mutex_);
      if (idle_.empty()) return nullptr;
      last = std::move(idle_.back());
      idle_.pop_back();
    }
    const bool is_fresh = now - last.since < kLongestIdle;
    if (is_fresh && last.certificate == certificate && last.connection->IsQuiet()) {
      return std::move(last.connection);
    }
  }
}

void ConnectionPool::Return(std::unique_ptr<Connection> connection,
                            const std::string& certificate) {
  Idle surplus;  // closed without the mutex
  const std::lock_guard lock(mutex_);
  idle_.push_back(
      {.connection = std::move(connection), .certificate = certificate, .since = BootClock::now()});
  if (idle_.size() <= kMostIdle) return;
  surplus = std::move(idle_.front());
  idle_.erase(idle_.begin());
}

}  // namespace monopod::kube
