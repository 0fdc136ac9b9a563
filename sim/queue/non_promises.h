// What docs/PROTOCOL.md does not promise of locks that are queues in etcd, and schedules that show
// why not, as in sim/non_promises.h.
#pragma once

#include <span>

#include "sim/queue/schedule.h"

namespace monopod::sim::queue {

struct NonPromise {
  const char* name;
  const char* says;
  Beyond judged;
  const char* found;  // how the violation begins
  bool (*concerns)(const Schedule& schedule);
};
std::span<const NonPromise> AllNonPromises();

}  // namespace monopod::sim::queue
