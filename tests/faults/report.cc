#include "tests/faults/report.h"

#include <algorithm>

#include <fmt/format.h>

#include "tests/faults/judge.h"
#include "tests/faults/set_writer.h"

namespace monopod::faults {
namespace {

double Seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

// Whether the workload promises that its work ends in time under such faults. Who is stopped within
// its work cannot end it, but `run` can: its guardian does. Writers of sets stop themselves.
bool WorkEndsInTime(Workload workload, const Fault& fault) {
  if (workload == Workload::kSet || workload == Workload::kControl) return false;
  return workload == Workload::kRun || fault.kind != Fault::Kind::kStopClients;
}

HoldRules RulesOf(Workload workload, const Fault& fault) {
  return {.lock = std::string(WorkloadName(workload)),
          .slots = workload == Workload::kSlots ? 2 : 1,
          .work_ends_in_time = WorkEndsInTime(workload, fault)};
}

void Append(std::vector<std::string>* all, const std::vector<std::string>& more) {
  all->insert(all->end(), more.begin(), more.end());
}

std::string Line(const std::string& name, const Row& row) {
  const auto acquires = [&row](Workload workload) {
    const auto found = row.acquires.find(workload);
    return found == row.acquires.end() ? 0 : found->second;
  };
  return fmt::format(
      "{:<32} {:>8} {:>6} | {:>6} {:>6} {:>6} {:>8} {:>5} | {:>8} {:>8} | {:>5}/{:<6} {:>5}/{:<6} "
      "| "
      "{:>6.1f}\n",
      name, row.episodes, row.faults, acquires(Workload::kMutex), acquires(Workload::kRun),
      acquires(Workload::kSlots), acquires(Workload::kElection),
      acquires(Workload::kSet) + acquires(Workload::kControl), row.overlaps, row.paused_overlaps,
      row.lost, row.added, row.control_lost, row.control_added, Seconds(row.longest_gap));
}

}  // namespace

Verdict JudgeEpisode(const Played& played, const Fault& fault) {
  Verdict verdict{.row = {.episodes = 1, .faults = played.faults}, .violations = played.violations};
  Row& row = verdict.row;
  for (const auto& [workload, record] : played.records) {
    const HoldRules rules = RulesOf(workload, fault);
    const HoldJudgement holds = JudgeHolds(record, rules);
    row.acquires[workload] = static_cast<int>(record.holds.size());
    (rules.work_ends_in_time ? row.overlaps : row.paused_overlaps) += holds.overlaps;
    if (workload == Workload::kMutex) row.longest_gap = holds.longest_gap;
    Append(&verdict.violations, holds.violations);
    const auto set = played.sets.find(workload);
    if (set == played.sets.end()) continue;
    const SetJudgement additions = JudgeSet(record, ElementsOf(set->second));
    const bool is_guarded = workload == Workload::kSet;
    (is_guarded ? row.added : row.control_added) = additions.acknowledged;
    (is_guarded ? row.lost : row.control_lost) = additions.lost;
    if (is_guarded) Append(&verdict.violations, additions.violations);
  }
  return verdict;
}

void Report::Add(const std::string& fault, const Row& row) {
  Row& sum = rows_[fault];
  sum.episodes += row.episodes;
  sum.faults += row.faults;
  for (const auto& [workload, count] : row.acquires) sum.acquires[workload] += count;
  sum.overlaps += row.overlaps;
  sum.paused_overlaps += row.paused_overlaps;
  sum.added += row.added;
  sum.lost += row.lost;
  sum.control_added += row.control_added;
  sum.control_lost += row.control_lost;
  sum.longest_gap = std::max(sum.longest_gap, row.longest_gap);
}

Row Report::Total() const {
  Report total;
  for (const auto& [fault, row] : rows_) total.Add("all", row);
  return total.rows_["all"];
}

std::string Report::Table() const {
  std::string table = fmt::format(
      "{:<32} {:>8} {:>6} | {:^35} | {:>8} {:>8} | {:^12} {:^12} | {:>6}\n"
      "{:<32} {:>8} {:>6} | {:>6} {:>6} {:>6} {:>8} {:>5} | {:>8} {:>8} | {:>12} {:>12} | {:>6}\n",
      "", "", "", "acquires", "overlaps", "of those", "lost/guarded", "lost/control", "no one",
      "faults", "episodes", "faults", "mutex", "run", "slots", "election", "sets", "of work",
      "stopped", "writes", "writes", "held s");
  for (const auto& [fault, row] : rows_) table += Line(fault, row);
  return table + Line("all", Total());
}

std::string ToText(const Row& row) {
  std::string text = fmt::format("{} faults, acquires", row.faults);
  for (const auto& [workload, count] : row.acquires) {
    text += fmt::format(" {} {}", WorkloadName(workload), count);
  }
  return text + fmt::format(
                    ", overlaps {} ({} of the stopped), lost {} of {}, control {} of {}, "
                    "longest without a holder {:.1f} s",
                    row.overlaps, row.paused_overlaps, row.lost, row.added, row.control_lost,
                    row.control_added, Seconds(row.longest_gap));
}

std::string Describe(const Played& played, const std::vector<std::string>& violations) {
  std::string text;
  for (const std::string& violation : violations) text += violation + "\n";
  for (const auto& [workload, record] : played.records) {
    text += fmt::format("\n{}: work, and when it was over\n", WorkloadName(workload));
    const HoldRules rules{.lock = std::string(WorkloadName(workload))};
    for (const history::Operation& operation : HistoryOfHolds(record, rules)) {
      text += history::ToText(operation) + "\n";
    }
    const auto set = played.sets.find(workload);
    if (set == played.sets.end()) continue;
    text += fmt::format("the set at the end: {}\n", set->second);
    for (const history::Operation& operation : HistoryOfSet(record, "set")) {
      text += history::ToText(operation) + "\n";
    }
  }
  return text;
}

}  // namespace monopod::faults
