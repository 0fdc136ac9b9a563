#include "monopod/event.h"

namespace monopod {

std::string_view EventKindName(EventKind kind) {
  switch (kind) {
    case EventKind::kWaiting: return "waiting";
    case EventKind::kSkipped: return "skipped";
    case EventKind::kStale: return "stale";
    case EventKind::kRecovering: return "recovering";
    case EventKind::kAcquired: return "acquired";
    case EventKind::kTakenOver: return "taken-over";
    case EventKind::kLost: return "lost";
    case EventKind::kReleased: return "released";
    case EventKind::kBroken: return "broken";
  }
  return "unknown";
}

}  // namespace monopod
