#include "tests/history/models.h"

namespace monopod::history {

std::optional<State> Mutex(const State& state, const Operation& operation) {
  const bool acquires = operation.action == Action::kAcquire;
  if (!acquires && operation.action != Action::kRelease) return std::nullopt;
  if (state.held == acquires) return std::nullopt;
  return State{.held = acquires};
}

std::optional<State> OwnedMutex(const State& state, const Operation& operation) {
  auto next = Mutex(state, operation);
  if (!next) return std::nullopt;
  if (next->held) {
    next->owner = operation.owner;
  } else if (state.owner != operation.owner) {
    return std::nullopt;
  }
  return next;
}

std::optional<State> FencedMutex(const State& state, const Operation& operation) {
  auto next = OwnedMutex(state, operation);
  if (!next) return std::nullopt;
  next->token = state.token;
  if (!next->held) return next;
  const bool is_known = operation.returned || operation.token != 0;
  const std::uint64_t token = is_known ? operation.token : state.token + 1;
  if (token <= state.token) return std::nullopt;
  next->token = token;
  return next;
}

std::optional<State> FencedRegister(const State& state, const Operation& operation) {
  if (operation.action == Action::kRead) {
    return operation.value == state.value ? std::optional(state) : std::nullopt;
  }
  if (operation.action != Action::kWrite) return std::nullopt;
  const bool is_too_low = operation.token < state.token;
  if (is_too_low != operation.refused) return std::nullopt;
  if (is_too_low) return state;
  State next = state;
  next.token = operation.token;
  next.value = operation.value;
  return next;
}

}  // namespace monopod::history
