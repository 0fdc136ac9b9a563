// Was a lock what it promises to be?
//
// Pure. Threads: any.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/faults/records.h"
#include "tests/history/operation.h"

namespace monopod::faults {

struct HoldRules {
  std::string lock;  // its name, for messages
  int slots = 1;
  // Work ends in time here, so none may overlap (invariant I10). Else, where a whole program is
  // stopped for instance, overlaps are only counted, and the order of tokens is judged (I2).
  bool work_ends_in_time = true;
};

struct HoldJudgement {
  int overlaps = 0;  // holds whose work began while that of `slots` others went on
  std::chrono::nanoseconds longest_gap{0};  // between the end of work and the next begin
  std::vector<std::string> violations;
};
HoldJudgement JudgeHolds(const Record& record, const HoldRules& rules);

struct SetJudgement {
  int acknowledged = 0;
  int lost = 0;                         // of these, how many are not in the set at the end
  std::vector<std::string> violations;  // these, and what was refused and is in the set
};
// `elements`: the set at the end. The history is judged, too: by what holders read of it.
SetJudgement JudgeSet(const Record& record, const std::vector<std::uint64_t>& elements);

// As the checker of histories takes them.
history::History HistoryOfHolds(const Record& record, const HoldRules& rules);
history::History HistoryOfSet(const Record& record, const std::string& key);

}  // namespace monopod::faults
