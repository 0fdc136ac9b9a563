// What is not promised, and is judged all the same on demand: so that the simulator can show that
// it is not promised for a reason.
#pragma once

#include <cstdint>

namespace monopod::sim {

enum class Beyond : std::uint8_t {
  kNothing,
  kOverlap,      // I10 without any exception
  kForeignWork,  // that of clients which are not monopod
  kOrder,        // whoever began to wait first holds first
};

}  // namespace monopod::sim
