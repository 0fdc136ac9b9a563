#include "sim/trace.h"

#include <fmt/format.h>

namespace monopod::sim {

void Trace::AddLine(TrueTime now, std::string_view who, const std::string& what) {
  const std::chrono::duration<double> seconds = now.time_since_epoch();
  lines_.push_back(fmt::format("{:12.6f}s  {:<6} {}", seconds.count(), who, what));
}

}  // namespace monopod::sim
