// Carries out what priorities ask for: a thread that looks at the store every so often, announces
// this candidate while it waits, and tells it to stand back or to step down.
//
// A look that fails changes nothing: without the store nobody can lead anyway. What will not pass
// by itself, a missing right for instance, is told once.
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
    HoldTimes times;                    // of the announcement
    std::chrono::nanoseconds interval;  // between looks: the same for all candidates
    std::chrono::nanoseconds patience;
    // Priorities do not work, and nobody but an administrator will change that. Told on the
    // watch's thread, again only after it has worked meanwhile. Must not be empty.
    std::function<void(const Error& error)> on_error;
  };
  // The client must outlive the watch.
  PreferenceWatch(LockClient& client, Options options);
  PreferenceWatch(const PreferenceWatch&) = delete;
  PreferenceWatch& operator=(const PreferenceWatch&) = delete;
  // Takes the announcement back, for which it blocks a second at most, after the call to the store
  // that is under way.
  ~PreferenceWatch();

  // To be called once. When `stop` is requested the watch ends: no call to the store is begun any
  // more, but to take the announcement back.
  //   kUnavailable: no thread could be started.
  Result<void> Start(const std::stop_token& stop);

  // Blocks until nobody better waits, or until `stop` is requested. The token is requested when
  // that changes: then stop asking for the lock.
  std::stop_token AwaitTurn(const std::stop_token& stop);

  // This candidate leads: the announcement is taken back. The token is requested when it is to step
  // down, until Wait.
  std::stop_token Lead();
  // This candidate leads no more. It does not announce itself before `quiet_until`.
  void Wait(BootTime quiet_until);

 private:
  void Watch(const std::stop_token& end);
  Result<Preference::Look> LookAtStore(bool leads, Token own, const std::stop_token& end);
  Result<void> Announce(std::optional<Token> replaced, const std::stop_token& end);
  void TakeBack();
  void Tell(const Result<void>& outcome, bool& told) const;

  LockClient& client_;
  const Options options_;
  const std::string announcement_lock_;
  // The watching thread's alone:
  std::optional<Lock> announcement_;
  bool told_of_looks_ = false;
  bool told_of_announcing_ = false;

  std::mutex mutex_;  // guards what follows; not held during a call to the store
  std::condition_variable_any changed_;
  Preference preference_;
  bool leads_ = false;
  bool looked_ = false;  // since the role changed
  bool look_now_ = false;
  BootTime quiet_until_ = BootTime::min();
  std::stop_source turn_over_;  // of the present turn or leadership

  std::stop_source end_;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
  std::jthread thread_;
};

}  // namespace monopod::election
