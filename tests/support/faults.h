// Faults of a connection, as a test wants them.
#pragma once

#include <atomic>

namespace monopod::testing {

struct Faults {
  std::atomic<int> lose_replies{0};   // so many writes land, and answer "unknown"
  std::atomic<int> lose_requests{0};  // so many writes never arrive, and answer "unknown"
  std::atomic<int> repeat_requests{
      0};                         // so many writes are sent twice, and the second's answer is given
  std::atomic<bool> down{false};  // every call answers "unavailable"

  // Whether one of `count` is left; takes it.
  static bool Take(std::atomic<int>& count) {
    int left = count;
    while (left > 0) {
      if (count.compare_exchange_weak(left, left - 1)) return true;
    }
    return false;
  }
};

}  // namespace monopod::testing
