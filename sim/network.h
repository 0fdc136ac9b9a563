// The calls of the candidates, and what the store answers.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "sim/checker.h"
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

// Who calls and watches.
class Receiver {
 public:
  virtual void OnReply(CallId call) = 0;
  virtual void OnHint(std::uint64_t ticket) = 0;

 protected:
  ~Receiver() = default;
};

struct Call {
  Receiver* receiver = nullptr;
  std::size_t node = 0;
  ClaimId claim = 0;
  bool writes = false;
  std::size_t slot = 0;
  protocol::Version expected;
  protocol::Record record;
  TrueTime deadline{};
  BootTime sent{};    // by the caller's clock
  bool lost = false;  // the answer will not arrive; `failure` is told
  Error failure{};
  Result<protocol::Snapshot> snapshot = protocol::Snapshot{};
  Result<protocol::Written> written = protocol::Written{};
};

class Network {
 public:
  explicit Network(Environment& environment);

  CallId Send(Call call);
  const Call& at(CallId call) const { return calls_[call]; }

  // Hints of a change of one of `seen` go to the receiver, until the node watches for something
  // else.
  struct Watch {
    Receiver* receiver = nullptr;
    std::uint64_t ticket = 0;
    std::vector<protocol::Seen> seen;
  };
  void SetWatch(std::size_t node, Watch watch);

  // A write that reaches the store, whoever sent it.
  Result<protocol::Written> Commit(Landed write);
  void Remove(std::size_t slot);

  // Calls once, when the next renewal has landed: the worst moment for its holder to lose the lock.
  void Ambush(std::function<void(const Call& renewal)> ambush) { ambush_ = std::move(ambush); }

  Line& line() { return line_; }
  void FillDisk(TrueTime until) { full_until_ = until; }

 private:
  void Arrive(CallId id);
  void ArriveWrite(Call& call);
  void Answer(CallId id);
  void Hint(std::size_t slot);

  Environment& environment_;
  Line line_;
  std::deque<Call> calls_;
  std::vector<Watch> watches_;
  TrueTime full_until_{};
  std::function<void(const Call& renewal)> ambush_;
};

}  // namespace monopod::sim
