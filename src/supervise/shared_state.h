// The memory that monopod, the guardian and, until it executes, the command share.
//
// Any of the three may be stopped or killed between any two instructions, so there is no
// lock and no sequence counter here: whoever was stopped in the middle of a write would
// disarm the others. Both deadlines and the latch are one atomic word.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "src/base/clock.h"
#include "src/supervise/guardian.h"

namespace monopod::supervise {

// Deadlines that can be moved until they are latched, for ever after which they stand.
class SharedDeadlines {
 public:
  struct State {
    Deadlines deadlines;
    bool latched = false;
  };

  // Both deadlines are `base`, the present; none can be set before it.
  explicit SharedDeadlines(BootTime base) : base_(base) {}

  void Set(Deadlines deadlines) {
    const std::uint64_t wanted = Pack(deadlines);
    std::uint64_t seen = word_;
    while ((seen & kLatch) == 0 && !word_.compare_exchange_weak(seen, wanted)) {
    }
  }

  State Load() const { return Unpack(word_); }

  void Latch() { word_ |= kLatch; }

  // Latches if `term` has come, in one step with looking at it. True if latched by now.
  bool LatchIfExpired(BootTime now) {
    std::uint64_t seen = word_;
    do {
      const State state = Unpack(seen);
      if (state.latched) return true;
      if (now < state.deadlines.term) return false;
    } while (!word_.compare_exchange_weak(seen, seen | kLatch));
    return true;
  }

 private:
  // From the top: the latch, `kill` as time since the base, how much earlier `term` is.
  // That lasts for 17 years from the base on, and for leads of 3 days.
  using Unit = std::chrono::duration<std::int64_t, std::ratio<4, 1000>>;
  static constexpr int kLeadBits = 26;
  static constexpr std::uint64_t kLatch = std::uint64_t{1} << 63;
  static constexpr std::uint64_t kMaxLead = (std::uint64_t{1} << kLeadBits) - 1;
  static constexpr std::uint64_t kMaxKill = (std::uint64_t{1} << (63 - kLeadBits)) - 1;

  std::uint64_t SinceBase(BootTime time) const {
    if (time <= base_) return 0;
    const auto units = std::chrono::floor<Unit>(time - base_).count();
    return std::min(static_cast<std::uint64_t>(units), kMaxKill);
  }
  std::uint64_t Pack(Deadlines deadlines) const {
    const std::uint64_t kill = SinceBase(deadlines.kill);
    const std::uint64_t term = SinceBase(std::min(deadlines.term, deadlines.kill));
    return kill << kLeadBits | std::min(kill - term, kMaxLead);
  }
  State Unpack(std::uint64_t word) const {
    const std::uint64_t kill = (word & ~kLatch) >> kLeadBits;
    const std::uint64_t lead = word & kMaxLead;
    return {.deadlines = {.term = At(kill - std::min(lead, kill)), .kill = At(kill)},
            .latched = (word & kLatch) != 0};
  }
  BootTime At(std::uint64_t units) const { return base_ + Unit(static_cast<std::int64_t>(units)); }

  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
  const BootTime base_;
  std::atomic<std::uint64_t> word_{0};
};

struct SharedState {
  SharedDeadlines deadlines;
  // The command's process and process group, 0 before it is started. For monopod, should it
  // have to end the tree itself.
  std::atomic<pid_t> command{0};
};

}  // namespace monopod::supervise
