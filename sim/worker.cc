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

bool Worker::StandsStill(void (Worker::*what)()) {
  const TrueTime until = clock_.stands_until();
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
  if (!runs_ || StandsStill(&Worker::GuardDeadline)) return;
  const TrueTime now = world_.queue.now();
  const BootTime now_here = clock_.At(now);
  if (now_here < job_.kill_at) {
    world_.queue.At(clock_.When(job_.kill_at), [this] { GuardDeadline(); });
    return;
  }
  killed_ = true;
  // The last process may take as long as is allowed to be gone; on a machine that slept through the
  // deadline, from when it woke up.
  const nanoseconds most = protocol::kDeathAllowance;
  const nanoseconds takes = world_.random.Chance(0.5) ? most : world_.random.In({.to = most});
  const bool slept = clock_.SleptBetween(job_.kill_at, now_here);
  EndAt(clock_.When((slept ? clock_.woke_at() : job_.kill_at) + takes));
}

void Worker::CutOff() {
  if (!runs_) return;
  runs_ = false;
  on_over_ = nullptr;
  const TrueTime now = world_.queue.now();
  world_.trace.Add(now, "work", job_.claim,
                   [&] { return InstanceOf(job_.claim) + "'s work is cut off"; });
  judge_.OnWorkEnded(job_.claim, now);
}

void Worker::End() {
  if (!runs_ || StandsStill(&Worker::End)) return;
  const TrueTime now = world_.queue.now();
  runs_ = false;
  world_.trace.Add(now, "work", job_.claim,
                   [&] { return InstanceOf(job_.claim) + "'s work is over"; });
  judge_.OnWorkWrote(job_.claim);
  judge_.OnWorkEnded(job_.claim, now);
  if (on_over_) std::exchange(on_over_, nullptr)();
}

}  // namespace monopod::sim
