// How long one of many waiters lets the others go first when the lock becomes free.
//
// All of them learn of it at once, from a watch, and only one can win: the others' writes would be
// rejected. So each draws a delay, and writes nothing if it is told of another's claim before that
// is over. The delays of all together are such that the first claim comes after about two of the
// times in which a claim becomes known to all, so that few others begin before they know of it.
// That takes two estimates:
// - how long a claim takes to become known: at first, what its own calls take; then what the
//   quickest of the hand-overs that it watched took, from "free" to "claimed by somebody else",
//   less what chance adds even to the quickest;
// - how many wait: it claims as rarely as one of so many must. Where that is wrong, the first
// claims
//   come sooner or later than they should, and the estimate follows. If nobody comes for long,
//   there are fewer, and whoever is there becomes impatient: a waiter that is alone waits no more
//   than some ten of those times.
//
// Nothing depends on it but cost and delay: the store's compare-and-swap decides.
//
// Threads: none.
#pragma once

#include <chrono>
#include <deque>
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
  // An own claim came too late, and it took so long to hear of that.
  void Rejected(std::chrono::nanoseconds took);

 private:
  std::chrono::nanoseconds Settle() const;
  std::chrono::nanoseconds DelayOf(double draw) const;

  std::chrono::nanoseconds call_{0};
  std::deque<std::chrono::nanoseconds> hand_overs_;  // the latest that were watched
  double waiters_ = 20;
};

}  // namespace monopod::protocol
