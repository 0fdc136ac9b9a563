#include "tests/support/kube_server_watch.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

namespace monopod::testing::kube_server {
namespace {

Frame Chunk(const char* type, const std::string& object) {
  const std::string line = fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", type, object);
  return std::make_shared<const std::string>(fmt::format("{:x}\r\n{}\r\n", line.size(), line));
}

void Give(const WatchHub::Pointer& watch, Frame frame) {
  if (watch->open && !watch->send(std::move(frame))) watch->open = false;
}

}  // namespace

// What one change looks like; the same for most watches.
class WatchHub::Frames {
 public:
  explicit Frames(const Change* change) : change_(*change) {}

  const Frame& Of(const ResourceType& type, const char* event) {
    for (const Made& made : made_) {
      if (made.type == &type && made.event == event) return made.frame;
    }
    made_.push_back({.type = &type, .event = event, .frame = Chunk(event, Text(type, event))});
    return made_.back().frame;
  }

  static constexpr char kAdded[] = "ADDED";
  static constexpr char kModified[] = "MODIFIED";
  static constexpr char kDeleted[] = "DELETED";

 private:
  // What a selector does not match any more is shown as it last matched.
  std::string Text(const ResourceType& type, const char* event) const {
    if (change_.deleted || event != kDeleted) return FullText(type, *change_.now);
    Stored last = *change_.before;
    last.object["metadata"]["resourceVersion"] = std::to_string(change_.version);
    last.text = last.object.dump();
    return FullText(type, last);
  }

  struct Made {
    const ResourceType* type;
    const char* event;
    Frame frame;
  };
  const Change& change_;
  std::vector<Made> made_;
};

WatchHub::Pointer WatchHub::Open(WatchPlan plan, std::function<bool(Frame)> send) {
  auto watch = std::make_shared<Watch>();
  watch->plan = std::move(plan);
  watch->send = std::move(send);
  if (watch->plan.error) {
    Give(watch, Chunk("ERROR", watch->plan.error->status.dump()));
    watch->open = false;
    return watch;
  }
  const WatchPlan& planned = watch->plan;
  if (!planned.selector.name().empty()) {
    if (!planned.type->namespaced) watch->key = planned.selector.name();
    if (!planned.selector.name_space().empty()) {
      watch->key = planned.selector.name_space() + "/" + planned.selector.name();
    }
  }
  for (const StoredPointer& stored : planned.state) {
    Give(watch, Chunk(Frames::kAdded, FullText(*planned.type, *stored)));
  }
  watch->plan.state.clear();
  for (const Change* change : store_.ChangesAfter(planned.after)) {
    // What Deliver() has still to send.
    if (change->version > delivered_) break;
    Frames frames(change);
    Send(watch, *change, &frames);
  }
  watch->position = std::max(planned.after, delivered_);
  watches_.push_back(watch);
  return watch;
}

void WatchHub::Close(const Pointer& watch) {
  watch->open = false;
  if (!delivering_) std::erase(watches_, watch);
}

void WatchHub::Send(const Pointer& watch, const Change& change, Frames* frames) {
  const WatchPlan& plan = watch->plan;
  if (change.resource != plan.type->plural) return;
  if (!watch->key.empty() && watch->key != change.key) return;
  const bool before = change.before != nullptr && plan.selector.Matches(change.before->object);
  const bool now = !change.deleted && plan.selector.Matches(change.now->object);
  if (!before && !now) return;
  const char* event = Frames::kModified;
  if (!before) event = Frames::kAdded;
  if (!now) event = Frames::kDeleted;
  Give(watch, frames->Of(*plan.type, event));
}

void WatchHub::Deliver() {
  if (delivering_) return;
  delivering_ = true;
  for (const Change* change : store_.ChangesAfter(delivered_)) {
    Frames frames(change);
    for (const Pointer& watch : watches_) {
      if (watch->open && change->version > watch->position) Send(watch, *change, &frames);
    }
  }
  delivered_ = store_.cache_revision();
  delivering_ = false;
  std::erase_if(watches_, [](const Pointer& watch) { return !watch->open; });
}

void WatchHub::Bookmark(const Pointer& watch) {
  const ResourceType& type = *watch->plan.type;
  const Json object = {{"kind", type.kind},
                       {"apiVersion", type.api_version()},
                       {"metadata", {{"resourceVersion", std::to_string(delivered_)}}}};
  Give(watch, Chunk("BOOKMARK", object.dump()));
}

void WatchHub::Expire(const Pointer& watch) {
  const std::int64_t version = std::max(watch->plan.after, watch->position);
  Give(watch, Chunk("ERROR", Expired("too old resource version: " + std::to_string(version) + " (" +
                                     std::to_string(store_.revision()) + ")")
                                 .status.dump()));
}

}  // namespace monopod::testing::kube_server
