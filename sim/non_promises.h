// What docs/PROTOCOL.md does not promise of locks in records, and schedules that show why not:
// there, and only there, what was left unjudged is judged, and found broken.
#pragma once

#include <span>

#include "sim/schedule.h"

namespace monopod::sim {

struct NonPromise {
  const char* name;
  const char* says;
  Beyond judged;
  const char* found;  // how the violation begins
  bool (*concerns)(const Schedule& schedule);
};
std::span<const NonPromise> AllNonPromises();

}  // namespace monopod::sim
