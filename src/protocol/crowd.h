// How long one of many waiters lets the others go first when the lock becomes free.
//
// All of them learn of it at once, from a watch, and only one can win: the others' writes would be
// rejected. So each draws a delay. The delays are spread over a window in such a way (a truncated
// exponential distribution: few early, most late) that, whether few wait or many, about one fires
// early, and the others see that somebody holds before their own delay is over. The window is a
// multiple of the time in which a claim becomes known to all, as this waiter has seen it:
// - at first, a guess from how long its own calls take;
// - then, from what passed between "free" and "claimed by somebody else" at each hand-over that it
//   watched;
// - doubled when its own write was rejected.
//
// Nothing depends on it but cost and delay: the store's compare-and-swap decides.
//
// Threads: none.
#pragma once

#include <chrono>
#include <string>

namespace monopod::protocol {

class Crowd {
 public:
  // An own call to the store took this long.
  void CallTook(std::chrono::nanoseconds took);

  // The delay, for a lock that became free just now. `nonce` is the chance in it.
  std::chrono::nanoseconds Delay(const std::string& nonce) const;
  // No delay is longer.
  std::chrono::nanoseconds Window() const;

  void SomebodyElseClaimed(std::chrono::nanoseconds after_it_was_free);
  void Rejected();

 private:
  std::chrono::nanoseconds Shortest() const;

  std::chrono::nanoseconds call_{0};
  std::chrono::nanoseconds settle_{0};  // a claim becomes known to all; 0: never seen
};

}  // namespace monopod::protocol
