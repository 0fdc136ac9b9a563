// Keeps one hold: renews it, tells when it is lost, releases it.
//
// Two threads a hold. The first drives the machine; a call to a store can hang in the kernel (a
// dying disk), so the second watches the deadline alone and never waits for the first. A hold so
// short that nothing falls due in it does without, where no call can hang.
#pragma once

#include <array>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "monopod/result.h"
#include "src/base/timer.h"
#include "src/lock/driver.h"

namespace monopod::lock {

using DeadlineSink =
    std::function<void(std::chrono::nanoseconds term_at, std::chrono::nanoseconds kill_at)>;

// Threads: all members may be called concurrently.
class Keeper : public std::enable_shared_from_this<Keeper> {
 public:
  // `driver` has just told that it holds. `on_deadlines` is called before this returns.
  // kUnavailable: no thread could be started; the hold was given back. `timer` is not kept.
  static Result<std::shared_ptr<Keeper>> Start(std::unique_ptr<Driver> driver,
                                               DeadlineSink on_deadlines, Timer& timer);
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  const std::string& name() const { return name_; }
  const Holder& holder() const { return holder_; }
  Token token() const { return token_; }
  int slot() const { return slot_; }
  std::stop_token lost() const { return lost_.get_token(); }
  std::string lost_reason() const;
  std::chrono::nanoseconds time_left() const;

  // See Lock::Release. When a call to the store hangs beyond `timeout`, the threads are left to
  // themselves: they keep the Keeper alive until the kernel lets them go.
  Result<void> Release(std::chrono::nanoseconds timeout);

 private:
  Keeper(std::unique_ptr<Driver> driver, DeadlineSink on_deadlines);
  Result<void> StartThreads();
  void Drive();
  void Watch();
  void PublishTenure();
  void Lose(const std::string& reason);
  Result<void> EndResult() const;  // requires done_

  const std::string name_;
  const Holder holder_;
  const Token token_;
  const int slot_;
  const DeadlineSink on_deadlines_;

  std::unique_ptr<Driver> driver_;  // only the thread in Drive touches it
  std::stop_source lost_;
  std::stop_source wake_driver_;
  std::stop_source end_watch_;

  mutable std::mutex mutex_;
  bool driven_ = false;                 // some thread is in Drive, or will be
  std::array<std::thread, 2> threads_;  // each owns the Keeper; taken by the first Release
  std::condition_variable ended_;
  protocol::Tenure tenure_{};  // as last published
  std::string lost_reason_;
  std::optional<BootTime> end_by_;  // a release was asked for
  std::optional<protocol::DoneAction> done_;
};

}  // namespace monopod::lock
