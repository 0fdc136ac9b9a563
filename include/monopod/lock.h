// A held lock.
//
// Guarantees, while any two clocks differ in rate by less than 1 % and no machine is paused: no
// other holder's work begins before time_left() of this lock, as last told, has run out and a
// quarter of a second more. Work that stops within time_left() of `lost()` therefore never
// overlaps with another holder's (docs/PROTOCOL.md, I10).
//
// It does not guarantee that your work stops: a library cannot kill its caller. Watch `lost()`,
// give no step of your work more time than time_left(), and hand token() to whatever the lock
// protects, so that a late write is refused. `monopod run` does the killing for you.
//
//   if (auto got = client->Acquire("fw-rules", {}); got && got->lock) {
//     Lock& lock = *got->lock;
//     while (!lock.lost().stop_requested() && more()) Step(lock.token());
//     auto released = lock.Release();
//   }
//
// Threads: all members may be called concurrently, but for moves and the destructor. Renewal runs
// in threads of its own. Must not be used, nor survive, in a forked child.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

#include "monopod/result.h"
#include "monopod/types.h"

namespace monopod {

namespace lock {
class Keeper;
}

class Lock {
 public:
  // Made by LockClient::Acquire.
  explicit Lock(std::shared_ptr<lock::Keeper> keeper);
  Lock(Lock&&) noexcept = default;
  Lock& operator=(Lock&&) noexcept;
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  // Releases as Release() does, ignoring the outcome. The work must be over.
  ~Lock();

  const std::string& name() const;
  const Holder& holder() const;
  Token token() const;
  int slot() const;

  // Do not call Release, nor destroy the Lock, from a stop_callback on it: that runs on a thread
  // which Release waits for.
  // Requested once the work must stop: at 60 % of the TTL without a renewal that landed, or at
  // once when the store shows that the hold is over. Final: it is never taken back.
  std::stop_token lost() const;
  // Why, for people; empty while held.
  std::string lost_reason() const;

  // Until the moment (80 % of the TTL after the last proof) at which the work must be over; zero
  // when it has passed. Each renewal moves it.
  std::chrono::nanoseconds time_left() const;

  // Ends the hold; the work must be over. Blocks for at most `timeout` (0 to 1 h) and a little.
  // Calling it again repeats the first outcome.
  //   kNotHolder: the hold had been lost before. Nothing to do; the work may have been fenced off.
  //   kIndeterminate: the store did not confirm; the lock frees itself after its TTL.
  Result<void> Release(std::chrono::nanoseconds timeout = std::chrono::seconds(10));

 private:
  std::shared_ptr<lock::Keeper> keeper_;
};

}  // namespace monopod
