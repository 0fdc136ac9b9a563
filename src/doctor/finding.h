// What a check of a store found, and what to do about it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace monopod::doctor {

// In order: an exit code of `monopod doctor` is the worst of them.
enum class Severity : std::uint8_t {
  kOk,
  kWarning,   // works, but not as it should, or not for long
  kCritical,  // locks cannot be taken or held, or data is at risk
};
// "ok", "warning", "critical".
std::string_view SeverityName(Severity severity);

struct Finding {
  Severity severity = Severity::kOk;
  std::string check;    // one word for what was looked at: "member", "alarm", "stuck"
  std::string subject;  // which member, lock or file
  std::string message;  // what is wrong
  std::string remedy;   // what to do; a command where there is one
  bool operator==(const Finding&) const = default;
};

using Findings = std::vector<Finding>;

// kOk if there are none.
Severity Worst(const Findings& findings);
// The worst first, else in the order in which they were found.
void SortByWorst(Findings& findings);

}  // namespace monopod::doctor
