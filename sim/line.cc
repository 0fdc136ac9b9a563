#include "sim/line.h"

#include <algorithm>

namespace monopod::sim {

using std::chrono::nanoseconds;

nanoseconds Line::Latency() {
  const nanoseconds usual = options_.latency;
  const nanoseconds most = world_.Happens(0.02) ? usual * 20 : usual;
  return world_.random.In({.from = usual / 5, .to = most}) + nanoseconds(1);
}

// A broken connection is noticed early, silence only at the deadline.
TrueTime Line::FailureTime(const Sent& sent) {
  const TrueTime now = world_.queue.now();
  if (world_.random.Chance(0.6)) return sent.deadline;
  return now + world_.random.In({.to = sent.deadline - now}) + std::chrono::microseconds(1);
}

TrueTime Line::ReachesAt(std::size_t node) const {
  const TrueTime now = world_.queue.now();
  return world_.faults_on ? std::max({cut_off_until_[node], down_until_, now}) : now;
}

TrueTime Line::UpAt() const {
  const TrueTime now = world_.queue.now();
  return world_.faults_on ? std::max(down_until_, now) : now;
}

Line::Fate Line::DrawFate(const Sent& sent) {
  const TrueTime now = world_.queue.now();
  Fate fate{.arrival = now + Latency()};
  fate.answer = fate.arrival + Latency();
  if (ReachesAt(sent.node) > now || world_.Happens(options_.lost_request)) {
    fate.arrives = fate.answered = false;
  } else if (sent.writes && world_.Happens(options_.late_write)) {
    fate.answered = false;
    fate.arrival = world_.Within(options_.late_by);
  } else if (world_.Happens(options_.lost_reply)) {
    fate.answered = false;
  } else if (fate.answer > sent.deadline) {
    fate.answered = false;
    fate.answer = sent.deadline;
    return fate;
  }
  if (!fate.answered) fate.answer = FailureTime(sent);
  return fate;
}

}  // namespace monopod::sim
