#include "src/lock/keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "src/base/duration.h"
#include "src/base/wait.h"

namespace monopod::lock {

using std::chrono::nanoseconds;

namespace {

// Shorter holds need no thread: nothing of a hold falls due so soon.
constexpr std::chrono::milliseconds kShortHold(50);

std::string NoThread(const Error& error) {
  return "cannot start a thread to keep the lock: " + error.message;
}

}  // namespace

Result<std::shared_ptr<Keeper>> Keeper::Start(std::unique_ptr<Driver> driver,
                                              DeadlineSink on_deadlines, Timer& timer) {
  std::shared_ptr<Keeper> keeper(new Keeper(std::move(driver), std::move(on_deadlines)));
  keeper->PublishTenure();
  const auto start_late = [waiting = keeper->weak_from_this()] {
    const auto late = waiting.lock();
    if (!late) return;
    if (const auto started = late->StartThreads(); !started) late->Lose(NoThread(started.error()));
  };
  const Result<void> started = keeper->driver_->ends_in_time()
                                   ? timer.At(BootClock::now() + kShortHold, start_late)
                                   : keeper->StartThreads();
  if (started) return keeper;
  // Nobody would renew it.
  static_cast<void>(keeper->Release(keeper->driver_->claim().store_timeout));
  return Fail(ErrorCode::kUnavailable, NoThread(started.error()));
}

// Unless it is driven already. kUnavailable: there can be no thread to drive it.
Result<void> Keeper::StartThreads() {
  const std::lock_guard guard(mutex_);
  if (driven_) return {};
  const auto self = shared_from_this();
  try {
    threads_[1] = std::thread([self] { self->Watch(); });
    threads_[0] = std::thread([self] { self->Drive(); });
  } catch (const std::system_error& error) {
    return Fail(ErrorCode::kUnavailable, error.what());
  }
  driven_ = true;
  return {};
}

Keeper::Keeper(std::unique_ptr<Driver> driver, DeadlineSink on_deadlines)
    : name_(driver->claim().lock),
      holder_(driver->claim().holder),
      token_(driver->token()),
      slot_(driver->slot()),
      on_deadlines_(std::move(on_deadlines)),
      driver_(std::move(driver)) {}

void Keeper::Drive() {
  bool stopping = false;
  while (true) {
    std::optional<BootTime> end_by;
    {
      const std::lock_guard guard(mutex_);
      end_by = end_by_;
    }
    if (end_by && !stopping) {
      driver_->Stop(*end_by);
      stopping = true;
    }
    const auto progress = driver_->Step(stopping ? std::stop_token() : wake_driver_.get_token());
    if (progress == Driver::Progress::kLost) Lose(driver_->last_event().detail);
    if (progress == Driver::Progress::kDone) {
      // Nobody asked for a release: whatever it was, nobody renews it any more.
      if (!stopping) Lose(driver_->done().error.message);
      break;
    }
    if (!stopping) PublishTenure();
  }
  end_watch_.request_stop();
  const std::lock_guard guard(mutex_);
  done_ = driver_->done();
  ended_.notify_all();
}

void Keeper::Watch() {
  while (!end_watch_.stop_requested() && !lost_.stop_requested()) {
    protocol::Tenure tenure;
    {
      const std::lock_guard guard(mutex_);
      tenure = tenure_;
      // The work is over: whatever the release takes, nothing is lost by it.
      if (end_by_) return;
    }
    if (BootClock::now() >= tenure.TermAt()) {
      Lose(fmt::format("not renewed for {}", FormatDuration(BootClock::now() - tenure.proof)));
      return;
    }
    WaitUntil(tenure.TermAt(), end_watch_.get_token());
  }
}

void Keeper::PublishTenure() {
  const auto tenure = driver_->tenure();
  if (!tenure) return;
  {
    const std::lock_guard guard(mutex_);
    // Once a release was asked for, the caller's sink may be gone.
    if (tenure->proof <= tenure_.proof || !lost_reason_.empty() || end_by_) return;
    tenure_ = *tenure;
  }
  if (on_deadlines_) {
    on_deadlines_(tenure->TermAt().time_since_epoch(), tenure->KillAt().time_since_epoch());
  }
}

void Keeper::Lose(const std::string& reason) {
  {
    const std::lock_guard guard(mutex_);
    if (lost_reason_.empty()) lost_reason_ = reason;
  }
  lost_.request_stop();
}

std::string Keeper::lost_reason() const {
  const std::lock_guard guard(mutex_);
  return lost_reason_;
}

nanoseconds Keeper::time_left() const {
  const std::lock_guard guard(mutex_);
  return std::max(nanoseconds(0), nanoseconds(tenure_.KillAt() - BootClock::now()));
}

Result<void> Keeper::Release(nanoseconds timeout) {
  bool driven = false;
  {
    const std::lock_guard guard(mutex_);
    timeout = std::clamp<nanoseconds>(timeout, nanoseconds(0), std::chrono::hours(1));
    if (!end_by_) end_by_ = BootClock::now() + timeout;
    driven = std::exchange(driven_, true);
  }
  wake_driver_.request_stop();
  if (!driven) Drive();
  // The machine ends by end_by_ itself; this much later its thread hangs in the store.
  constexpr std::chrono::seconds kHung(1);
  std::unique_lock guard(mutex_);
  const bool ended = ended_.wait_for(guard, timeout + kHung, [this] { return done_.has_value(); });
  end_watch_.request_stop();
  auto threads = std::exchange(threads_, {});
  guard.unlock();
  for (std::thread& thread : threads) {
    if (!thread.joinable()) continue;
    if (ended)
      thread.join();
    else
      thread.detach();
  }
  if (!ended) {
    return Fail(ErrorCode::kIndeterminate,
                fmt::format("the release of \"{}\" hangs in the store; the lock frees itself after "
                            "its TTL",
                            name_));
  }
  return EndResult();
}

Result<void> Keeper::EndResult() const {
  const std::lock_guard guard(mutex_);
  switch (done_->outcome) {
    case protocol::Outcome::kReleased:
      // A release after the work had been told to stop is still not a hold that went well.
      if (lost_reason_.empty()) return {};
      [[fallthrough]];
    case protocol::Outcome::kLost:
    case protocol::Outcome::kNotAcquired:
      return Fail(ErrorCode::kNotHolder,
                  fmt::format("the lock \"{}\" was lost: {}", name_, lost_reason_));
    case protocol::Outcome::kFailed:
    case protocol::Outcome::kUnknown: return Fail(done_->error);
  }
  return Fail(ErrorCode::kInternal, "the hold ended in no known way");
}

}  // namespace monopod::lock
