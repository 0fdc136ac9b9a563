// What this process must attend to while it waits for a lock: signals that end the wait, children
// that end, the tick of the live waiting line.
#pragma once

#include <csignal>
#include <functional>
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
  struct Options {
    std::shared_ptr<observe::AttemptLog> log;
    // Called by a thread of its own at the start and whenever children have ended. May be empty.
    std::function<void()> reap;
  };
  // kUnavailable: no descriptors or threads are left.
  static Result<std::unique_ptr<Interrupt>> Start(Options options);
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt();

  std::stop_token stop() const { return stop_.get_token(); }
  // Ends the watch and returns the signal that came, or 0. A later one stays pending.
  int Stop();

 private:
  explicit Interrupt(Options options) : options_(std::move(options)) {}
  void Watch();

  const Options options_;
  std::stop_source stop_;
  int signal_ = 0;    // the watcher's, until it is joined
  int signals_ = -1;  // signalfd
  int end_ = -1;      // eventfd
  std::thread watcher_;
};

}  // namespace monopod::cli
