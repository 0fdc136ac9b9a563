// The result of a trial: one row a class of faults.
//
// Threads: one.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/faults/records.h"
#include "tests/faults/stage.h"
#include "tests/faults/store.h"

namespace monopod::faults {

struct Row {
  int episodes = 0;
  int faults = 0;
  std::map<Workload, int> acquires;
  int overlaps = 0;         // of work that must not
  int paused_overlaps = 0;  // where a client was stopped within its work: beyond the promise
  int added = 0;            // guarded additions that were acknowledged, and how many were lost
  int lost = 0;
  int control_added = 0;  // the same without guards
  int control_lost = 0;
  std::chrono::nanoseconds longest_gap{0};  // without a holder, of the mutex
};

// Judged, and what is wrong with it.
struct Verdict {
  Row row;
  std::vector<std::string> violations;
};
Verdict JudgeEpisode(const Played& played, const Fault& fault);

class Report {
 public:
  void Add(const std::string& fault, const Row& row);
  Row Total() const;
  // For people: a head, the rows, and the sum.
  std::string Table() const;

 private:
  std::map<std::string, Row> rows_;
};

// "5 faults, acquires mutex 61 run 20 ..., ..."
std::string ToText(const Row& row);

// All that is known of an episode, to be kept: its violations, and the histories.
std::string Describe(const Played& played, const std::vector<std::string>& violations);

}  // namespace monopod::faults
