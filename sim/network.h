// The way between the candidates and the store, where calls are slow, lost, answered without an
// answer, or carried out long after their caller stopped to wait.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "sim/checker.h"
#include "sim/event_queue.h"
#include "sim/random.h"
#include "sim/schedule.h"
#include "sim/sim_store.h"
#include "sim/trace.h"

namespace monopod::sim {

// What all parts of one schedule share.
struct Environment {
  Environment(const Schedule& the_schedule, const SimStore::Options& options, bool readable_trace)
      : schedule(the_schedule),
        random(the_schedule.seed),
        trace(readable_trace),
        store(options),
        checker(the_schedule, store) {}

  const Schedule& schedule;
  Random random;
  EventQueue queue;
  Trace trace;
  SimStore store;
  Checker checker;
  TrueTime heal_at{};       // faults stop
  bool faults_on = true;    // until then
  bool progressed = false;  // a hold was told since then

  bool Happens(double probability) { return faults_on && random.Chance(probability); }
  // Some moment from now on, before faults stop.
  TrueTime Within(std::chrono::nanoseconds most);
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
  Network(Environment& environment, std::size_t nodes)
      : environment_(environment), cut_off_until_(nodes), watches_(nodes) {}

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

  void CutOff(std::size_t node, TrueTime until) { cut_off_until_[node] = until; }
  void GoDown(TrueTime until) { down_until_ = until; }
  void FillDisk(TrueTime until) { full_until_ = until; }

 private:
  struct Fate {
    bool arrives = true;
    bool answered = true;
    TrueTime arrival{};
    TrueTime answer{};
  };
  Fate DrawFate(const Call& call);
  std::chrono::nanoseconds Latency();
  TrueTime FailureTime(const Call& call);
  void Arrive(CallId id);
  void ArriveWrite(Call& call);
  void Answer(CallId id);
  void Hint(std::size_t slot);

  Environment& environment_;
  std::deque<Call> calls_;
  std::vector<TrueTime> cut_off_until_;
  std::vector<Watch> watches_;
  TrueTime down_until_{};
  TrueTime full_until_{};
  std::function<void(const Call& renewal)> ambush_;
};

}  // namespace monopod::sim
