#include "src/base/hold_kind.h"

namespace monopod {

std::string_view HoldKindName(HoldKind kind) {
  switch (kind) {
    case HoldKind::kProcess: return "process";
    case HoldKind::kDetached: return "detached";
    case HoldKind::kSticky: return "sticky";
  }
  return "unknown";
}

std::optional<HoldKind> ParseHoldKind(std::string_view word) {
  for (const HoldKind kind : {HoldKind::kProcess, HoldKind::kDetached, HoldKind::kSticky}) {
    if (HoldKindName(kind) == word) return kind;
  }
  return std::nullopt;
}

}  // namespace monopod
