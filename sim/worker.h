// The work of one hold, and the guardian that keeps its kill deadline. It lives on when the process
// that started it crashes: till it is done, or till the deadline that the guardian was last told.
#pragma once

#include <functional>

#include "sim/judge.h"
#include "sim/world.h"

namespace monopod::sim {

class Worker {
 public:
  struct Job {
    ClaimId claim = 0;
    std::size_t slot = 0;
    BootTime kill_at{};                  // by the clock of the node
    std::chrono::nanoseconds length{0};  // in true time, if nobody stops it
  };
  // Begins to work, unless the deadline is over. `on_over` is called once, when nothing of it runs.
  struct Surroundings {
    World& world;
    Judge& judge;
    const NodeClock& clock;  // of the node
  };
  Worker(const Surroundings& surroundings, const Job& job, std::function<void()> on_over);

  // A later proof moves the deadline, if it is not over yet.
  void MoveDeadline(BootTime kill_at);
  // The work takes what time it takes to stop, within the deadline.
  void AskToStop(std::chrono::nanoseconds within);
  // The process is gone: nobody waits for the work any more.
  void Orphan() { on_over_ = nullptr; }

  // The power is gone.
  void CutOff();

  bool runs() const { return runs_; }

 private:
  void GuardDeadline();
  void EndAt(TrueTime time);
  void End();
  // Whether this has to happen later, since the machine stands still.
  bool StandsStill(void (Worker::*what)());

  World& world_;
  Judge& judge_;
  const NodeClock& clock_;
  Job job_;
  std::function<void()> on_over_;
  bool runs_ = false;
  bool killed_ = false;
};

}  // namespace monopod::sim
