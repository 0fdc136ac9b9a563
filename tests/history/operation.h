// What clients asked of locks and of what locks protect, and when: the operations of a history.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace monopod::history {

enum class Action : std::uint8_t { kAcquire, kRelease, kWrite, kRead };

// Moments are of one clock that all clients share: any, as only their order counts.
struct Operation {
  std::string key;  // what it was done to; histories fall apart by it
  Action action = Action::kAcquire;
  std::uint64_t owner = 0;  // of an acquire or a release: the hold, for models that know owners
  std::uint64_t token = 0;  // of an acquire or a write, for models with tokens
  std::uint64_t value = 0;  // written or read; 0 is what there is before the first write
  bool refused = false;     // a write whose token was found too low
  std::chrono::nanoseconds invoked{0};
  // None: no answer, or none that says whether it was done. Such an operation may have taken effect
  // at any moment since, may still do so, or never.
  std::optional<std::chrono::nanoseconds> returned;
};

using History = std::vector<Operation>;

// "acquire x owner=3 token=7 [1.000000, 1.250000]"; times in seconds, "..." for no answer.
std::string ToText(const Operation& operation);

}  // namespace monopod::history
