// What a candidate's priority makes it do, as far as it can be decided from looks at the store: who
// announces, who stands back, who steps down. Pure: no I/O, no clock.
//
// It decides only who asks for the lock and who gives it back, never who has it, so nothing here
// can make two lead. docs/decisions/0016-election-priority.md has the reasons.
//
// - *Announce*: a waiting candidate of priority above 0 announces itself, unless somebody of at
//   least its priority does; it replaces one of lower priority, and one that has gone silent.
// - *Stand back*: a waiting candidate does not ask for the lock while a better one is announced.
//   Not for ever: once the lock has been seen without a live holder for `patience`, the
//   announcement is disregarded for good.
// - *Step down*: a leader stops when it has seen a better announcement and then a renewal of it: so
//   whoever it is lives, and everybody else, who looks as often, has seen it and stands back.
//
// Who is silent is judged by the own clock (see hold_sight.h): clocks that differ do no harm.
//
// Threads: none; calls must not overlap.
#pragma once

#include <chrono>
#include <optional>

#include "src/base/clock.h"
#include "src/election/announcement.h"

namespace monopod::election {

class Preference {
 public:
  struct Options {
    int priority = 0;
    std::chrono::nanoseconds patience;
  };
  explicit Preference(Options options) : options_(options) {}

  struct Look {
    std::optional<Announcement> announced;
    bool leads = false;            // itself
    std::optional<HoldMark> lock;  // else: who holds the lock
  };
  // `own`: the token of the own announcement, or 0.
  void OnLook(const Look& look, Token own, BootTime now);

  // As of the last look.
  bool StandsBack() const { return better_.has_value(); }
  bool StepsDown() const { return better_ && better_renewed_; }
  bool Announces() const { return announces_; }
  // The announcement that has to go before this candidate can announce itself, if any.
  std::optional<Token> Replaces() const { return replaces_; }

  // The role changed: what was counted begins anew.
  void OnRoleChange();

 private:
  const Options options_;
  HoldSight announced_;
  HoldSight lock_;
  std::optional<HoldMark> better_;        // as it was first seen
  bool better_renewed_ = false;           // since then
  std::optional<BootTime> unheld_since_;  // the lock was seen without a live holder since
  Token disregarded_ = 0;
  bool announces_ = false;
  std::optional<Token> replaces_;
};

}  // namespace monopod::election
