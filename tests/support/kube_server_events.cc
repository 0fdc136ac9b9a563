#include "tests/support/kube_server_events.h"

#include <string>

namespace monopod::testing::kube_server {
namespace {

struct Names {
  const char* core;
  const char* fresh;
};
constexpr Names kNames[] = {{"involvedObject", "regarding"},
                            {"message", "note"},
                            {"source", "deprecatedSource"},
                            {"firstTimestamp", "deprecatedFirstTimestamp"},
                            {"lastTimestamp", "deprecatedLastTimestamp"},
                            {"count", "deprecatedCount"},
                            {"reportingComponent", "reportingController"}};

Json Renamed(const Json& event, bool to_core) {
  Json renamed = Json::object();
  for (const auto& [field, value] : event.items()) {
    std::string name = field;
    for (const Names& names : kNames) {
      if (name == (to_core ? names.fresh : names.core)) {
        name = to_core ? names.core : names.fresh;
        break;
      }
    }
    renamed[name] = value;
  }
  return renamed;
}

}  // namespace

Json NewEvent(const Json& core) { return Renamed(core, false); }

Json CoreEvent(const Json& event) {
  Json core = Renamed(event, true);
  // Fields that are always there.
  for (const char* field : {"firstTimestamp", "lastTimestamp", "eventTime"})
    core.emplace(field, nullptr);
  for (const char* field : {"reportingComponent", "reportingInstance"}) core.emplace(field, "");
  for (const char* field : {"source", "involvedObject"}) core.emplace(field, Json::object());
  return core;
}

}  // namespace monopod::testing::kube_server
