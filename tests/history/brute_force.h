// The definition of linearizability, tried out: every choice of the unanswered operations, in every
// order. For a handful of operations of one key.
#pragma once

#include "tests/history/models.h"
#include "tests/history/operation.h"

namespace monopod::history {

bool IsLinearizableByBruteForce(const History& history, Model model);

}  // namespace monopod::history
