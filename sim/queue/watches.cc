#include "sim/queue/watches.h"

#include <algorithm>
#include <utility>

namespace monopod::sim::queue {

using etcd::WatchEvent;
using etcd::WatchReport;
using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace {

Watches::Report Share(WatchReport report) {
  return std::make_shared<const WatchReport>(std::move(report));
}

}  // namespace

Watches::Id Watches::Start(Request request) {
  const Id id = ++last_id_;
  watches_[id].request = std::make_shared<const Request>(std::move(request));
  Connect(id, world_.queue.now());
  return id;
}

void Watches::Connect(Id id, TrueTime from) {
  const Watch& watch = watches_.at(id);
  from = std::max(from, line_.ReachesAt(watch.request->node)) + line_.Latency();
  if (world_.Happens(schedule_.faults.broken_watch)) from += world_.random.In({.to = seconds(5)});
  world_.queue.At(from, [this, id, connection = watch.connection] {
    const auto at = watches_.find(id);
    if (at == watches_.end() || at->second.connection != connection) return;
    if (line_.ReachesAt(at->second.request->node) > world_.queue.now()) {
      Connect(id, world_.queue.now());
      return;
    }
    at->second.registered = true;
    Send({.id = id,
          .connection = connection,
          .at = world_.queue.now() + line_.Latency(),
          .report = Share({.kind = WatchReport::Kind::kStarted})});
  });
}

void Watches::Break(Id id) {
  Watch& watch = watches_.at(id);
  if (!watch.registered) return;
  watch.registered = false;
  ++watch.connection;  // what is on its way is lost
  const TrueTime noticed =
      world_.queue.now() + world_.random.In({.to = world_.random.OneOf({seconds(1), seconds(13)})});
  world_.queue.At(noticed, [this, id, connection = watch.connection] {
    const auto at = watches_.find(id);
    if (at == watches_.end() || at->second.connection != connection) return;
    Connect(id, world_.queue.now());
    Tell(at->second, Share({.kind = WatchReport::Kind::kBroken}));
  });
}

// Whoever hears it may end this watch.
void Watches::Tell(const Watch& watch, const Report& report) {
  const auto request = watch.request;
  request->report(report);
}

void Watches::OnCutOff(std::size_t node) {
  for (const auto& [id, watch] : watches_) {
    if (watch.request->node == node && world_.random.Chance(0.5)) Break(id);
  }
}

WatchReport Watches::EventsFor(const Watch& watch, const std::vector<Change>& changes,
                               etcd::Revision revision) {
  WatchReport report{.kind = WatchReport::Kind::kEvents};
  const Request& request = *watch.request;
  for (const Change& change : changes) {
    const bool concerns = request.end.empty()
                              ? change.key == request.begin
                              : change.key >= request.begin && change.key < request.end;
    if (!concerns) continue;
    WatchEvent event{.deleted = !change.after, .now = {}, .previous = change.before};
    event.now = change.after.value_or(etcd::KeyValue{.key = change.key, .mod_revision = revision});
    if (world_.Happens(schedule_.faults.lost_previous)) event.previous.reset();
    report.events.push_back(std::move(event));
  }
  return report;
}

void Watches::OnChanges(const std::vector<Change>& changes, etcd::Revision revision) {
  for (const auto& [id, watch] : watches_) {
    if (!watch.registered) continue;
    WatchReport report = EventsFor(watch, changes, revision);
    if (report.events.empty()) continue;
    if (world_.Happens(schedule_.faults.broken_watch)) {
      Break(id);
      continue;
    }
    if (world_.Happens(schedule_.faults.lost_event)) continue;
    nanoseconds takes = line_.Latency();
    if (world_.Happens(schedule_.faults.late_event)) takes += world_.random.In({.to = seconds(3)});
    Send({.id = id,
          .connection = watch.connection,
          .at = world_.queue.now() + takes,
          .report = Share(std::move(report))});
  }
}

void Watches::Send(Letter letter) {
  Watch& watch = watches_.at(letter.id);
  watch.told_until = std::max(watch.told_until + std::chrono::microseconds(1), letter.at);
  world_.queue.At(watch.told_until, [this, sent = std::move(letter)] { Arrive(sent); });
}

void Watches::Arrive(const Letter& letter) {
  const auto at = watches_.find(letter.id);
  if (at == watches_.end() || at->second.connection != letter.connection) return;
  const TrueTime reaches = line_.ReachesAt(at->second.request->node);
  if (reaches > world_.queue.now()) {
    Letter later = letter;
    later.at = reaches;
    Send(std::move(later));
    return;
  }
  Tell(at->second, letter.report);
}

}  // namespace monopod::sim::queue
