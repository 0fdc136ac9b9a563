#include "tests/faults/records.h"

#include <algorithm>
#include <sstream>

namespace monopod::faults {

using std::chrono::nanoseconds;

std::string_view WorkloadName(Workload workload) {
  switch (workload) {
    case Workload::kMutex: return "mutex";
    case Workload::kRun: return "run";
    case Workload::kSlots: return "slots";
    case Workload::kElection: return "election";
    case Workload::kSet: return "set";
    case Workload::kControl: return "control";
  }
  return "?";
}

void Scribe::Held(nanoseconds at, std::uint64_t token) {
  current_ = record_->holds.size();
  record_->holds.push_back(
      {.invoked = invoked_, .held = at, .token = token, .over = {}, .released = {}});
  beat_ = at;
  ++count_;
}

bool Scribe::Note(const std::string& line) {
  std::istringstream words(line);
  std::string kind;
  words >> kind;
  const auto number = [&words] {
    std::int64_t value = 0;
    words >> value;
    return value;
  };
  const auto moment = [&number] { return nanoseconds(number()); };
  if (kind == "invoke") {
    current_.reset();
    invoked_ = moment();
  } else if (kind == "held") {
    const nanoseconds at = moment();
    Held(at, static_cast<std::uint64_t>(number()));
  } else if (kind == "beat") {
    beat_ = moment();
  } else if (kind == "over") {
    if (current() != nullptr) invoked_ = *(current()->over = moment());
  } else if (kind == "released") {
    if (current() != nullptr) current()->released = moment();
  } else if (kind == "overlap") {
    ++record_->overlaps_seen;
  } else if (kind == "read") {
    const nanoseconds invoked = moment();
    const nanoseconds returned = moment();
    record_->looks.push_back(
        {.invoked = invoked, .returned = returned, .last = static_cast<std::uint64_t>(number())});
  } else if (kind == "write") {
    addition_ = record_->additions.size();
    const auto element = static_cast<std::uint64_t>(number());
    record_->additions.push_back({.element = element,
                                  .token = current() != nullptr ? current()->token : 0,
                                  .invoked = moment()});
  } else if (kind == "wrote" && addition_) {
    Addition& addition = record_->additions[*addition_];
    addition.returned = moment();
    std::string outcome;
    words >> outcome;
    if (outcome == "done") addition.outcome = Addition::Outcome::kDone;
    if (outcome == "refused") addition.outcome = Addition::Outcome::kRefused;
    addition_.reset();
  } else {
    return kind == "none" || kind == "kept";
  }
  return !words.fail();
}

void Scribe::End(std::optional<nanoseconds> killed) {
  if (current() != nullptr && !current()->over) {
    // A child of `run` outlives who was killed, a program does not.
    current()->over = std::max(beat_, killed.value_or(beat_));
  }
  current_.reset();
}

}  // namespace monopod::faults
