// Carries out what priorities ask for: a thread that looks at the store every so often, announces
// this candidate while it waits, and tells it to stand back or to step down.
//
// A look that fails changes nothing: without the store nobody can lead anyway.
//
// Threads: all members are called by one thread, that of the election; the watch has its own.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "monopod/lock_client.h"
#include "src/election/preference.h"

namespace monopod::election {

class PreferenceWatch {
 public:
  struct Options {
    std::string election;
    int priority = 0;
    HoldTimes times;
    std::chrono::nanoseconds interval;  // between looks: the same for all candidates
    std::chrono::nanoseconds patience;
  };
  // The client must outlive the watch.
  PreferenceWatch(LockClient& client, Options options);
  PreferenceWatch(const PreferenceWatch&) = delete;
  PreferenceWatch& operator=(const PreferenceWatch&) = delete;
  // Takes the announcement back.
  ~PreferenceWatch();

  // kUnavailable: no thread could be started.
  Result<void> Start();

  // Blocks until nobody better waits, or until `stop` is requested. The token is requested when
  // that changes: then stop asking for the lock.
  std::stop_token AwaitTurn(const std::stop_token& stop);

  // This candidate leads: the announcement is taken back. The token is requested when it is to step
  // down, until Wait.
  std::stop_token Lead();
  // This candidate leads no more.
  void Wait();

 private:
  void Watch(const std::stop_token& end);
  std::optional<Preference::Look> LookAtStore(bool leads, Token own);
  void Announce(std::optional<Token> replaced);
  void TakeBack();

  LockClient& client_;
  const Options options_;
  const std::string announcement_lock_;
  std::optional<Lock> announcement_;  // the watching thread's alone

  std::mutex mutex_;  // guards what follows; not held during a call to the store
  std::condition_variable_any changed_;
  Preference preference_;
  bool leads_ = false;
  bool looked_ = false;  // since the role changed
  bool look_now_ = false;
  std::stop_source turn_over_;  // of the present turn or leadership

  std::jthread thread_;
};

}  // namespace monopod::election
