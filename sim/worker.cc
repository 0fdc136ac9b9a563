#include "sim/worker.h"

#include <algorithm>
#include <utility>

namespace monopod::sim {

using std::chrono::nanoseconds;

Worker::Worker(Environment& environment, const NodeClock& clock, const Job& job,
               std::function<void()> on_over)
    : environment_(environment), clock_(clock), job_(job), on_over_(std::move(on_over)) {
  const TrueTime now = environment_.queue.now();
  if (clock_.At(now) >= job_.kill_at) {
    environment_.queue.At(now, [this] { std::exchange(on_over_, nullptr)(); });
    return;
  }
  runs_ = true;
  environment_.trace.Add(now, "work", job_.claim,
                         [&] { return InstanceOf(job_.claim) + "'s work begins"; });
  environment_.checker.OnWorkBegan(job_.claim, job_.slot, now);
  EndAt(now + job_.length);
  environment_.queue.At(clock_.When(job_.kill_at), [this] { GuardDeadline(); });
}

bool Worker::Paused(void (Worker::*what)()) {
  const TrueTime until = clock_.paused_until();
  if (until <= environment_.queue.now()) return false;
  environment_.queue.At(until, [this, what] { (this->*what)(); });
  return true;
}

void Worker::MoveDeadline(BootTime kill_at) {
  if (runs_ && !killed_) job_.kill_at = std::max(job_.kill_at, kill_at);
}

void Worker::AskToStop(nanoseconds within) {
  EndAt(environment_.queue.now() + environment_.random.In({.to = within}));
}

void Worker::EndAt(TrueTime time) {
  environment_.queue.At(time, [this] { End(); });
}

void Worker::GuardDeadline() {
  if (!runs_ || Paused(&Worker::GuardDeadline)) return;
  const TrueTime now = environment_.queue.now();
  if (clock_.At(now) < job_.kill_at) {
    environment_.queue.At(clock_.When(job_.kill_at), [this] { GuardDeadline(); });
    return;
  }
  killed_ = true;
  // The last process may take as long as is allowed to be gone.
  const nanoseconds most = protocol::kDeathAllowance;
  const nanoseconds takes =
      environment_.random.Chance(0.5) ? most : environment_.random.In({.to = most});
  EndAt(clock_.When(job_.kill_at + takes));
}

void Worker::End() {
  if (!runs_ || Paused(&Worker::End)) return;
  const TrueTime now = environment_.queue.now();
  runs_ = false;
  environment_.trace.Add(now, "work", job_.claim,
                         [&] { return InstanceOf(job_.claim) + "'s work is over"; });
  environment_.checker.OnWorkWrote(job_.claim);
  environment_.checker.OnWorkEnded(job_.claim, now);
  if (on_over_) std::exchange(on_over_, nullptr)();
}

}  // namespace monopod::sim
