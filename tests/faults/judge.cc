#include "tests/faults/judge.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "tests/history/checker.h"

namespace monopod::faults {
namespace {

using history::Action;
using history::History;
using history::Verdict;
using std::chrono::nanoseconds;

nanoseconds EndOf(const Hold& hold) { return hold.over.value_or(nanoseconds::max()); }

// Begins and ends of work in their order; at the same moment the end is first.
struct Turn {
  nanoseconds at{0};
  int change = 0;
  bool operator<(const Turn& other) const {
    return at != other.at ? at < other.at : change < other.change;
  }
};

std::vector<Turn> TurnsOf(const Record& record) {
  std::vector<Turn> turns;
  for (const Hold& hold : record.holds) {
    turns.push_back({.at = hold.held, .change = 1});
    // Work that ended as it began has run, too.
    turns.push_back({.at = std::max(hold.held + nanoseconds(1), EndOf(hold)), .change = -1});
  }
  std::sort(turns.begin(), turns.end());
  return turns;
}

void Judge(const History& history, history::Model model, std::vector<std::string>* violations) {
  const history::Finding finding = history::Check(history, model);
  if (finding.verdict != Verdict::kLinearizable) violations->push_back(finding.explanation);
}

}  // namespace

History HistoryOfHolds(const Record& record, const HoldRules& rules) {
  History history;
  std::uint64_t owner = 0;
  for (const Hold& hold : record.holds) {
    ++owner;
    history.push_back({.key = rules.lock,
                       .action = Action::kAcquire,
                       .owner = owner,
                       .token = hold.token,
                       .invoked = hold.invoked,
                       .returned = hold.held});
    // Of a hold whose work need not end in time nothing more is known than that it ends at some
    // moment after it began, or never.
    const bool is_known = rules.work_ends_in_time && hold.over.has_value();
    history.push_back({.key = rules.lock,
                       .action = Action::kRelease,
                       .owner = owner,
                       .invoked = is_known ? *hold.over : hold.held,
                       .returned = is_known ? hold.released : std::nullopt});
  }
  return history;
}

HoldJudgement JudgeHolds(const Record& record, const HoldRules& rules) {
  HoldJudgement judgement;
  int working = 0;
  nanoseconds idle_since = nanoseconds::max();
  for (const Turn& turn : TurnsOf(record)) {
    if (turn.change > 0) {
      if (working >= rules.slots) ++judgement.overlaps;
      if (turn.at > idle_since) {
        judgement.longest_gap = std::max(judgement.longest_gap, turn.at - idle_since);
      }
    }
    working += turn.change;
    idle_since = working == 0 ? turn.at : nanoseconds::max();
  }
  judgement.overlaps = std::max(judgement.overlaps, record.overlaps_seen);
  if (rules.work_ends_in_time && judgement.overlaps > 0) {
    judgement.violations.push_back(
        fmt::format("{}: work of {} holds overlaps", rules.lock, judgement.overlaps));
  }
  // Slots have no order of tokens, and there is no model for several holders.
  if (rules.slots == 1) {
    Judge(HistoryOfHolds(record, rules), history::FencedMutex, &judgement.violations);
  }
  return judgement;
}

History HistoryOfSet(const Record& record, const std::string& key) {
  History history;
  for (const Look& look : record.looks) {
    history.push_back({.key = key,
                       .action = Action::kRead,
                       .value = look.last,
                       .invoked = look.invoked,
                       .returned = look.returned});
  }
  for (const Addition& addition : record.additions) {
    // A guard refuses when the hold is over, whether there is a higher token or not: what it
    // refused was not done, and says nothing more.
    if (addition.outcome == Addition::Outcome::kRefused) continue;
    const bool is_done = addition.outcome == Addition::Outcome::kDone;
    history.push_back({.key = key,
                       .action = Action::kWrite,
                       .token = addition.token,
                       .value = addition.element,
                       .invoked = addition.invoked,
                       .returned = is_done ? std::optional(addition.returned) : std::nullopt});
  }
  return history;
}

SetJudgement JudgeSet(const Record& record, const std::vector<std::uint64_t>& elements) {
  SetJudgement judgement;
  const std::set<std::uint64_t> found(elements.begin(), elements.end());
  for (const Addition& addition : record.additions) {
    const bool is_in = found.contains(addition.element);
    if (addition.outcome == Addition::Outcome::kDone) {
      ++judgement.acknowledged;
      if (is_in) continue;
      ++judgement.lost;
      judgement.violations.push_back(fmt::format(
          "set: element {} was added with token {} and is lost", addition.element, addition.token));
    } else if (addition.outcome == Addition::Outcome::kRefused && is_in) {
      judgement.violations.push_back(
          fmt::format("set: element {} was refused with token {} and is there", addition.element,
                      addition.token));
    }
  }
  Judge(HistoryOfSet(record, "set"), history::FencedRegister, &judgement.violations);
  return judgement;
}

}  // namespace monopod::faults
