// Signals that end a wait for a lock, and the tick of the live waiting line.
#pragma once

#include <csignal>
#include <memory>
#include <stop_token>
#include <thread>
#include <utility>

#include "monopod/result.h"
#include "src/observe/attempt_log.h"

namespace monopod::cli {

// While it lives, TERM, INT, HUP and QUIT, which must be blocked in all threads
// (supervise::BlockForwardedSignals), request a stop instead of being pending; but for those that
// were ignored at the start (nohup).
class Interrupt {
 public:
  // kUnavailable: no descriptors are left.
  static Result<std::unique_ptr<Interrupt>> Start(std::shared_ptr<observe::AttemptLog> log);
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt();

  std::stop_token stop() const { return stop_.get_token(); }
  // Ends the watch and returns the signal that came, or 0. A later one stays pending.
  int Stop();

 private:
  explicit Interrupt(std::shared_ptr<observe::AttemptLog> log) : log_(std::move(log)) {}
  void Watch();

  const std::shared_ptr<observe::AttemptLog> log_;
  std::stop_source stop_;
  int signal_ = 0;    // the watcher's, until it is joined
  int signals_ = -1;  // signalfd
  int end_ = -1;      // eventfd
  std::thread watcher_;
};

}  // namespace monopod::cli
