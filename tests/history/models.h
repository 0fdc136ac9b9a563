// What a lock, or what it protects, would do if operations came one at a time.
//
// Pure functions. Threads: any.
#pragma once

#include <cstdint>
#include <optional>

#include "tests/history/operation.h"

namespace monopod::history {

// Of all models; each uses a part.
struct State {
  bool held = false;
  std::uint64_t owner = 0;
  std::uint64_t token = 0;  // the highest so far
  std::uint64_t value = 0;
  bool operator==(const State&) const = default;
};

// The state after the operation, or nothing if it could not have been answered so in this one. An
// operation without an answer is one that was done.
using Model = std::optional<State> (*)(const State& state, const Operation& operation);

// Free or held. Whoever releases it releases it.
std::optional<State> Mutex(const State& state, const Operation& operation);

// Only the owner releases it.
std::optional<State> OwnedMutex(const State& state, const Operation& operation);

// And each acquire has a token above all earlier ones. An acquire without an answer had the lowest
// possible one, since no other leaves more room to those that follow.
std::optional<State> FencedMutex(const State& state, const Operation& operation);

// A value whose writers show a token: a write is done if no higher one was seen, and refused if one
// was. Reads show none, and have the last value that was written.
std::optional<State> FencedRegister(const State& state, const Operation& operation);

}  // namespace monopod::history
