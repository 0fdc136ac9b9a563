// What a fuzzer demands of the code under it, beyond not crashing.
#pragma once

#include <cstdlib>

namespace monopod::fuzz {

// Aborts, which the fuzzer reports with the input, unless the property holds.
inline void Check(bool property) {
  if (!property) std::abort();
}

}  // namespace monopod::fuzz
