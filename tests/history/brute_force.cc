#include "tests/history/brute_force.h"

#include <algorithm>
#include <vector>

namespace monopod::history {
namespace {

bool KeepsRealTime(const std::vector<const Operation*>& order) {
  for (auto later = order.begin(); later != order.end(); ++later) {
    const bool too_late = std::any_of(order.begin(), later, [&](const Operation* earlier) {
      return (*later)->returned && *(*later)->returned < earlier->invoked;
    });
    if (too_late) return false;
  }
  return true;
}

bool IsAllowed(const std::vector<const Operation*>& order, Model model) {
  State state;
  for (const Operation* operation : order) {
    const auto next = model(state, *operation);
    if (!next) return false;
    state = *next;
  }
  return true;
}

bool SomeOrderFits(std::vector<const Operation*> chosen, Model model) {
  std::sort(chosen.begin(), chosen.end());
  do {
    if (IsAllowed(chosen, model) && KeepsRealTime(chosen)) return true;
  } while (std::next_permutation(chosen.begin(), chosen.end()));
  return false;
}

}  // namespace

bool IsLinearizableByBruteForce(const History& history, Model model) {
  std::vector<const Operation*> answered;
  std::vector<const Operation*> open;
  for (const Operation& operation : history) {
    (operation.returned ? answered : open).push_back(&operation);
  }
  for (std::size_t choice = 0; choice < (std::size_t{1} << open.size()); ++choice) {
    std::vector<const Operation*> chosen = answered;
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (((choice >> i) & 1U) != 0) chosen.push_back(open[i]);
    }
    if (SomeOrderFits(std::move(chosen), model)) return true;
  }
  return false;
}

}  // namespace monopod::history
