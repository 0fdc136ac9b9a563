#include "sim/worker.h"

#include <algorithm>
#include <utility>

namespace monopod::sim {

using std::chrono::nanoseconds;

Worker::Worker(const Surroundings& surroundings, const Job& job, std::function<void()> on_over)
    : world_(surroundings.world),
      judge_(surroundings.judge),
      clock_(surroundings.clock),
      job_(job),
      on_over_(std::move(on_over)) {
  const TrueTime now = world_.queue.now();
  if (clock_.At(now) >= job_.kill_at) {
    world_.queue.At(now, [this] { std::exchange(on_over_, nullptr)(); });
    return;
  }
  runs_ = true;
  world_.trace.Add(now, "work", job_.claim,
                   [&] { return InstanceOf(job_.claim) + "'s work begins"; });
  judge_.OnWorkBegan(job_.claim, job_.slot, now);
  EndAt(now + job_.length);
  world_.queue.At(clock_.When(job_.kill_at), [this] { GuardDeadline(); });
}

bool Worker::Paused(void (Worker::*what)()) {
  const TrueTime until = clock_.paused_until();
  if (until <= world_.queue.now()) return false;
  world_.queue.At(until, [this, what] { (this->*what)(); });
  return true;
}

void Worker::MoveDeadline(BootTime kill_at) {
  if (runs_ && !killed_) job_.kill_at = std::max(job_.kill_at, kill_at);
}

void Worker::AskToStop(nanoseconds within) {
  EndAt(world_.queue.now() + world_.random.In({.to = within}));
}

void Worker::EndAt(TrueTime time) {
  world_.queue.At(time, [this] { End(); });
}

void Worker::GuardDeadline() {
  if (!runs_ || Paused(&Worker::GuardDeadline)) return;
  const TrueTime now = world_.queue.now();
  if (clock_.At(now) < job_.kill_at) {
    world_.queue.At(clock_.When(job_.kill_at), [this] { GuardDeadline(); });
    return;
  }
  killed_ = true;
  // The last process may take as long as is allowed to be gone.
  const nanoseconds most = protocol::kDeathAllowance;
  const nanoseconds takes = world_.random.Chance(0.5) ? most : world_.random.In({.to = most});
  EndAt(clock_.When(job_.kill_at + takes));
}

void Worker::End() {
  if (!runs_ || Paused(&Worker::End)) return;
  const TrueTime now = world_.queue.now();
  runs_ = false;
  world_.trace.Add(now, "work", job_.claim,
                   [&] { return InstanceOf(job_.claim) + "'s work is over"; });
  judge_.OnWorkWrote(job_.claim);
  judge_.OnWorkEnded(job_.claim, now);
  if (on_over_) std::exchange(on_over_, nullptr)();
}

}  // namespace monopod::sim
