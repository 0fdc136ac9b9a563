#include "tests/history/operation.h"

#include <string_view>

#include <fmt/format.h>

namespace monopod::history {
namespace {

std::string_view ActionName(Action action) {
  switch (action) {
    case Action::kAcquire: return "acquire";
    case Action::kRelease: return "release";
    case Action::kWrite: return "write";
    case Action::kRead: return "read";
  }
  return "?";
}

double Seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

std::string ToText(const Operation& operation) {
  std::string text = fmt::format("{} {}", ActionName(operation.action), operation.key);
  const auto add = [&](std::string_view name, std::uint64_t value) {
    if (value != 0) text += fmt::format(" {}={}", name, value);
  };
  add("owner", operation.owner);
  add("token", operation.token);
  add("value", operation.value);
  if (operation.refused) text += " refused";
  text += fmt::format(" [{:.6f}, ", Seconds(operation.invoked));
  text += operation.returned ? fmt::format("{:.6f}]", Seconds(*operation.returned)) : "...";
  return text;
}

}  // namespace monopod::history
