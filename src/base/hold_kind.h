// The words for kinds of holds, as stores keep them.
#pragma once

#include <optional>
#include <string_view>

#include "monopod/types.h"

namespace monopod {

// The inverse of HoldKindName.
std::optional<HoldKind> ParseHoldKind(std::string_view word);

}  // namespace monopod
