// Runs things later, on one thread for all of them.
//
// Threads: all may be called concurrently. The thread is started with the first thing to run.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "monopod/result.h"
#include "src/base/clock.h"

namespace monopod {

class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  // Runs what is left at once. Not to be called by what it runs.
  ~Timer();

  // Calls `run` at `when` or soon after it. It must be short: others wait for their turn.
  // kUnavailable: there can be no thread; it is not called.
  Result<void> At(BootTime when, std::function<void()> run);

 private:
  void Run();

  std::mutex mutex_;  // guards what follows; not held while something runs
  std::condition_variable changed_;
  std::multimap<BootTime, std::function<void()>> due_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace monopod
