// A mutex whose waiters give up at a BootClock deadline.
//
// std::timed_mutex would do, but for the thread sanitizer, which does not know how GCC waits for
// it by a steady clock.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "src/base/clock.h"

namespace monopod::store {

// Use it through std::unique_lock<DeadlineMutex>(mutex, deadline).
class DeadlineMutex {
 public:
  bool try_lock_until(BootTime deadline) {
    std::unique_lock lock(mutex_);
    while (taken_) {
      const BootTime now = BootClock::now();
      if (now >= deadline) return false;
      // No condition variable counts suspend, nor stands a deadline as far as BootTime::max().
      freed_.wait_for(lock, std::min<BootClock::duration>(deadline - now, std::chrono::seconds(1)));
    }
    taken_ = true;
    return true;
  }

  void unlock() {
    {
      const std::lock_guard lock(mutex_);
      taken_ = false;
    }
    freed_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  bool taken_ = false;
};

}  // namespace monopod::store
