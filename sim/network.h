// The calls of the candidates, and what the store answers.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "sim/checker.h"
#include "sim/hints.h"
#include "sim/line.h"
#include "sim/schedule.h"
#include "sim/sim_store.h"
#include "sim/world.h"

namespace monopod::sim {

// What all parts of one schedule share.
struct Environment : World {
  Environment(const Schedule& the_schedule, const SimStore::Options& options, bool readable_trace)
      : World(the_schedule.seed, readable_trace),
        schedule(the_schedule),
        store(options),
        checker(the_schedule, store) {}

  const Schedule& schedule;
  SimStore store;
  Checker checker;
};

using CallId = std::size_t;

// Who calls.
class Caller {
 public:
  virtual void OnReply(CallId call) = 0;

 protected:
  ~Caller() = default;
};

struct Call {
  enum class Kind : std::uint8_t { kRead, kWrite, kRemove };
  Caller* caller = nullptr;
  std::size_t node = 0;
  ClaimId claim = 0;
  Kind kind = Kind::kRead;
  std::size_t slot = 0;
  protocol::Version expected;
  protocol::Record record;
  TrueTime deadline{};
  BootTime sent{};    // by the caller's clock
  bool lost = false;  // the answer will not arrive; `failure` is told
  Error failure{};
  Result<protocol::Snapshot> snapshot = protocol::Snapshot{};
  Result<protocol::Written> written = protocol::Written{};
  std::chrono::nanoseconds retry_after{0};
  int boot = 0;

  bool writes() const { return kind != Kind::kRead; }
};

class Network {
 public:
  explicit Network(Environment& environment);

  CallId Send(Call call);
  const Call& at(CallId call) const { return calls_[call]; }

  // A write that reaches the store, whoever sent it.
  Result<protocol::Written> Commit(Landed write);
  void Remove(std::size_t slot);
  // By somebody who does not know monopod.
  Result<protocol::Written> Edit(std::size_t slot, const protocol::Version& expected,
                                 const SimStore::Change& change);

  // Calls once, when the next renewal has landed: the worst moment for its holder to lose the lock.
  void Ambush(std::function<void(const Call& renewal)> ambush) { ambush_ = std::move(ambush); }

  Line& line() { return line_; }
  Hints& hints() { return hints_; }
  void FillDisk(TrueTime until) { full_until_ = until; }
  // What is on its way from this machine never arrives, and whoever was at work is dead.
  void LosePower();
  // Another process, which knows nothing.
  void Restarted(std::size_t node) { not_before_[node] = {}; }

 private:
  void Dispatch(CallId id);
  void Arrive(CallId id);
  bool IsRefused(Call& call);
  void ArriveWrite(Call& call);
  void ArriveRemoval(Call& call);
  void Answer(CallId id);

  Environment& environment_;
  Line line_;
  Hints hints_;
  std::deque<Call> calls_;
  std::vector<TrueTime> not_before_;  // of each node: the server said so
  TrueTime full_until_{};
  int boot_ = 0;
  std::function<void(const Call& renewal)> ambush_;
};

}  // namespace monopod::sim
