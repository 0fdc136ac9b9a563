// A process that elects itself by client-go's rules, works a while, and gives the Lease back; and
// that is paused at random, anywhere, also between the two calls of its release.
//
// Its work goes on until the release has returned, as client-go's does.
#pragma once

#include <optional>
#include <string>

#include "tests/handover/lease_world.h"
#include "tests/support/client_go_elector.h"

namespace monopod::handover {

class PausingElector {
 public:
  struct Options {
    std::string name;
    double pauses = 0;  // probability at each of its steps
    std::chrono::seconds most_rest;
  };
  PausingElector(LeaseWorld& world, Options options);
  PausingElector(const PausingElector&) = delete;
  PausingElector& operator=(const PausingElector&) = delete;

  const std::vector<Interval>& pauses() const { return pauses_; }
  // From when a release was asked for to when it returned.
  const std::vector<Interval>& releases() const { return releases_; }

 private:
  using Call = testing::ClientGoElector::Call;
  enum class State : std::uint8_t { kAcquiring, kRenewing, kReleasing };

  // Goes on after `delay`, or later if it is paused.
  void GoOn(std::chrono::nanoseconds delay, sim::EventQueue::Run run);
  void Try();
  void Make(const Call& call);
  void OnAttemptOver(bool succeeded);
  void Release();

  LeaseWorld& world_;
  const Options options_;
  testing::ClientGoElector elector_;
  State state_ = State::kAcquiring;
  protocol::Version version_;  // of the last object got or updated
  std::optional<std::size_t> work_;
  WallTime last_success_{};
  WallTime work_until_{};
  std::vector<Interval> pauses_;
  std::vector<Interval> releases_;
};

}  // namespace monopod::handover
