// One claim of a schedule, by number.
#pragma once

#include <cstddef>
#include <string>

namespace monopod::sim {

using ClaimId = std::size_t;

// How traces call it; on record stores also its instance.
inline std::string InstanceOf(ClaimId claim) { return "i" + std::to_string(claim); }

}  // namespace monopod::sim
