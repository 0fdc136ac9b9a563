#include "src/base/timer.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace monopod {

Timer::~Timer() {
  {
    const std::lock_guard guard(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<void> Timer::At(BootTime when, std::function<void()> run) {
  const std::lock_guard guard(mutex_);
  if (!thread_.joinable()) {
    try {
      thread_ = std::thread([this] { Run(); });
    } catch (const std::system_error& error) {
      return Fail(ErrorCode::kUnavailable, error.what());
    }
  }
  const bool sooner = due_.empty() || when < due_.begin()->first;
  due_.emplace(when, std::move(run));
  if (sooner) changed_.notify_all();
  return {};
}

void Timer::Run() {
  std::unique_lock guard(mutex_);
  while (!ending_ || !due_.empty()) {
    if (due_.empty()) {
      changed_.wait(guard);
      continue;
    }
    const auto left = due_.begin()->first - BootClock::now();
    if (left > std::chrono::nanoseconds(0) && !ending_) {
      // The condition variable's clock stands still in a suspend: look at ours now and then.
      changed_.wait_for(guard, std::min<std::chrono::nanoseconds>(left, std::chrono::seconds(1)));
      continue;
    }
    const auto run = std::move(due_.extract(due_.begin()).mapped());
    guard.unlock();
    run();
    guard.lock();
  }
}

}  // namespace monopod
