// What came of one schedule, whatever the store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace monopod::sim {

struct SimulationResult {
  std::optional<std::string> violation;
  std::uint64_t hash = 0;  // the same for the same seed
  std::uint64_t events = 0;
  std::vector<std::string> trace;  // if asked for
};

}  // namespace monopod::sim
