// Signals that end a wait for a lock, and the tick of the live waiting line.
#pragma once

#include <atomic>
#include <csignal>
#include <memory>
#include <stop_token>
#include <thread>

#include "src/observe/attempt_log.h"

namespace monopod::cli {

// From construction to destruction, TERM, INT, HUP and QUIT, which must be blocked in all threads
// (supervise::BlockForwardedSignals), request a stop instead of being pending.
class Interrupt {
 public:
  explicit Interrupt(std::shared_ptr<observe::AttemptLog> log);
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt();

  std::stop_token stop() const { return stop_.get_token(); }
  // The signal that came, or 0.
  int signal() const { return signal_; }

 private:
  void Watch();

  const std::shared_ptr<observe::AttemptLog> log_;
  std::stop_source stop_;
  std::atomic<int> signal_{0};
  int signals_ = -1;  // signalfd
  int end_ = -1;      // eventfd
  std::thread watcher_;
};

}  // namespace monopod::cli
