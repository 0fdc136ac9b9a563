#include "src/doctor/finding.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace monopod::doctor {

std::string_view SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kOk: return "ok";
    case Severity::kWarning: return "warning";
    case Severity::kCritical: return "critical";
  }
  return "unknown";
}

Severity Worst(const Findings& findings) {
  Severity worst = Severity::kOk;
  for (const Finding& finding : findings) worst = std::max(worst, finding.severity);
  return worst;
}

void SortByWorst(Findings& findings) {
  Findings sorted;
  for (const Severity severity : {Severity::kCritical, Severity::kWarning, Severity::kOk}) {
    std::ranges::copy_if(findings, std::back_inserter(sorted),
                         [&](const Finding& finding) { return finding.severity == severity; });
  }
  findings = std::move(sorted);
}

}  // namespace monopod::doctor
