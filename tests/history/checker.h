// Is a history linearizable: is there, for each operation, a moment between its call and its answer
// such that they, one after the other at these moments, are what the model would do?
//
// A search of the kind of Wing, Gong and Lowe: it takes one operation after the other that may be
// next, goes back where none may, and never looks twice at the same set of operations taken in the
// same state. Operations without an answer may be taken at any time after their call, or not at
// all. Keys are looked at one by one, since no model spans two.
//
// It does not guarantee an end in useful time: the problem is NP-complete. What exceeds the budget
// is undecided, which is no success: whoever asked must look at a smaller history.
//
// Pure. Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/history/models.h"
#include "tests/history/operation.h"

namespace monopod::history {

enum class Verdict : std::uint8_t { kLinearizable, kViolation, kUndecided };

struct Finding {
  Verdict verdict = Verdict::kLinearizable;
  // Unless linearizable, for people: the key, how far the longest attempt came, and the operations
  // of which none could be next.
  std::string explanation;
};

struct Budget {
  std::size_t configurations = 1'000'000;  // of one key
};

// Of all its keys: the first violation, else the first that is undecided.
Finding Check(const History& history, Model model, const Budget& budget = {});

}  // namespace monopod::history
