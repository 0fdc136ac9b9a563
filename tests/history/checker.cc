#include "tests/history/checker.h"

#include <algorithm>
#include <map>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace monopod::history {
namespace {

using std::chrono::nanoseconds;

// Which operations were taken, and what they led to.
struct Configuration {
  std::vector<bool> taken;
  State state;
  std::size_t answered = 0;  // of those taken, how many had an answer
  std::size_t next = 0;      // which to try next
  bool operator==(const Configuration& other) const {
    return taken == other.taken && state == other.state;
  }
};

struct ConfigurationHash {
  std::size_t operator()(const Configuration& configuration) const {
    std::size_t hash = std::hash<std::vector<bool>>()(configuration.taken);
    for (const std::uint64_t part :
         {std::uint64_t{configuration.state.held}, configuration.state.owner,
          configuration.state.token, configuration.state.value}) {
      hash = hash * 0x9e3779b97f4a7c15U + std::hash<std::uint64_t>()(part);
    }
    return hash;
  }
};

// The search within one key.
class Search {
 public:
  Search(History operations, Model model, const Budget& budget)
      : operations_(std::move(operations)), model_(model), budget_(budget) {
    std::sort(operations_.begin(), operations_.end(),
              [](const auto& a, const auto& b) { return a.invoked < b.invoked; });
    for (const Operation& operation : operations_) answered_ += operation.returned ? 1 : 0;
  }

  Finding Run() {
    Push({.taken = std::vector<bool>(operations_.size()), .state = {}});
    while (!path_.empty()) {
      if (path_.back().answered == answered_) return {};
      if (seen_.size() > budget_.configurations) return Explain(Verdict::kUndecided);
      if (!Step()) path_.pop_back();
    }
    return Explain(Verdict::kViolation);
  }

 private:
  void Push(Configuration configuration) {
    if (!seen_.insert(configuration).second) return;
    if (path_.empty() || configuration.answered > furthest_.answered) furthest_ = configuration;
    path_.push_back(std::move(configuration));
  }

  // Goes on from the end of the path; false if nothing is left to try there.
  bool Step() {
    const nanoseconds deadline = FirstAnswer(path_.back());
    Configuration& from = path_.back();
    while (from.next < operations_.size() && operations_[from.next].invoked <= deadline) {
      const std::size_t index = from.next++;
      if (from.taken[index]) continue;
      const auto state = model_(from.state, operations_[index]);
      if (!state) continue;
      Configuration to{.taken = from.taken, .state = *state, .answered = from.answered};
      to.taken[index] = true;
      to.answered += operations_[index].returned ? 1 : 0;
      Push(std::move(to));  // `from` is no more
      return true;
    }
    return false;
  }

  // What was called after the first answer that is still due cannot come before it.
  nanoseconds FirstAnswer(const Configuration& configuration) const {
    nanoseconds first = nanoseconds::max();
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      if (operations_[i].invoked > first) break;
      if (configuration.taken[i] || !operations_[i].returned) continue;
      first = std::min(first, *operations_[i].returned);
    }
    return first;
  }

  Finding Explain(Verdict verdict) const {
    const State& state = furthest_.state;
    std::string text = fmt::format(
        "{}: {}; the longest attempt took {} of {} answered operations, and then (held={} owner={} "
        "token={} value={}) none of these could be next:",
        operations_.front().key,
        verdict == Verdict::kViolation ? "not linearizable" : "undecided within the budget",
        furthest_.answered, answered_, state.held, state.owner, state.token, state.value);
    const nanoseconds deadline = FirstAnswer(furthest_);
    for (std::size_t i = 0; i < operations_.size() && operations_[i].invoked <= deadline; ++i) {
      if (!furthest_.taken[i]) text += "\n  " + ToText(operations_[i]);
    }
    return {.verdict = verdict, .explanation = text};
  }

  History operations_;
  const Model model_;
  const Budget budget_;
  std::size_t answered_ = 0;
  std::vector<Configuration> path_;
  std::unordered_set<Configuration, ConfigurationHash> seen_;
  Configuration furthest_;
};

}  // namespace

Finding Check(const History& history, Model model, const Budget& budget) {
  std::map<std::string, History> by_key;
  for (const Operation& operation : history) by_key[operation.key].push_back(operation);
  Finding worst;
  for (auto& [key, operations] : by_key) {
    Finding finding = Search(std::move(operations), model, budget).Run();
    if (finding.verdict == Verdict::kViolation) return finding;
    if (finding.verdict == Verdict::kUndecided && worst.verdict == Verdict::kLinearizable) {
      worst = std::move(finding);
    }
  }
  return worst;
}

}  // namespace monopod::history
