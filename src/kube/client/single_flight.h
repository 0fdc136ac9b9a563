// Work that knows no deadline, for callers that have one: it runs on a thread of its own, which a
// caller leaves behind when its time is over. While it runs, others wait for the same result
// instead of starting it again; so there is never more than one thread.
//
// The work must own what it uses: it may outlive the SingleFlight and the caller.
//
// Threads: any.
#pragma once

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "src/base/clock.h"

namespace monopod::kube {

template <class T>
class SingleFlight {
 public:
  // The result, or nothing if it was not there by the deadline.
  std::optional<T> Run(std::function<T()> work, BootTime deadline) {
    std::unique_lock lock(state_->mutex);
    if (!state_->running && !Start(std::move(work))) return std::nullopt;
    const std::uint64_t awaited = state_->finished + 1;
    while (state_->finished < awaited) {
      const auto left = deadline - BootClock::now();
      if (left <= std::chrono::nanoseconds(0)) return std::nullopt;
      // In steps, since it is another clock that is waited by.
      state_->changed.wait_for(lock,
                               std::min<std::chrono::nanoseconds>(left, std::chrono::seconds(1)));
    }
    return state_->last;
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool running = false;
    std::uint64_t finished = 0;
    std::optional<T> last;
  };

  // Signals are not for the thread: somebody else awaits them.
  bool Start(std::function<T()> work) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    // If there can be no more threads, it is as if it took too long.
    try {
      std::thread([state = state_, work = std::move(work)] {
        T result = work();
        const std::lock_guard lock(state->mutex);
        state->last = std::move(result);
        state->running = false;
        ++state->finished;
        state->changed.notify_all();
      }).detach();
      state_->running = true;
    } catch (const std::system_error&) {
      state_->running = false;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return state_->running;
  }

  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace monopod::kube
