#include "sim/hints.h"

#include <algorithm>
#include <utility>

namespace monopod::sim {

using protocol::Listed;
using protocol::Seen;
using std::chrono::seconds;

Hints::Hints(const Parts& parts)
    : parts_(parts),
      waits_(parts.schedule.candidates.size()),
      streams_(IsKube(parts.schedule.store) ? parts.schedule.candidates.size() : 0) {}

void Hints::Await(std::size_t node, Wait wait) {
  waits_[node] = std::move(wait);
  if (!streams_.empty()) {
    WakeIfNew(node);
    return;
  }
  for (const Seen& seen : waits_[node].seen) {
    const std::size_t slot = SlotOf(seen.name);
    if (parts_.store.VersionOf(slot) != seen.version) OnChange(slot);
  }
}

void Hints::OnChange(std::size_t slot) {
  if (!streams_.empty()) {
    for (std::size_t node = 0; node < streams_.size(); ++node) SendNews(node, slot);
    return;
  }
  for (std::size_t node = 0; node < waits_.size(); ++node) {
    const Wait& wait = waits_[node];
    if (wait.waiter == nullptr) continue;
    const bool concerns =
        std::ranges::any_of(wait.seen, [&](const Seen& seen) { return SlotOf(seen.name) == slot; });
    if (!concerns || parts_.world.Happens(parts_.schedule.faults.lost_hint)) continue;
    Wake(node, {});
  }
}

void Hints::Wake(std::size_t node, std::vector<Listed> news) {
  Wait& wait = waits_[node];
  const auto tell = [waiter = std::exchange(wait.waiter, nullptr), ticket = wait.ticket,
                     news = std::move(news)] { waiter->OnHint(ticket, news); };
  World& world = parts_.world;
  world.queue.At(world.queue.now() + (streams_.empty() ? parts_.line.Latency() : seconds(0)), tell);
}

void Hints::SendNews(std::size_t node, std::size_t slot) {
  World& world = parts_.world;
  if (world.Happens(parts_.schedule.faults.lost_hint)) return;
  const SimStore& store = parts_.store;
  Known known{.version = store.version(), .gone = !store.Exists(slot), .snapshot = {}};
  if (!known.gone) {
    known.snapshot = store.Read(slot, world.queue.now());
    known.version = NumberOf(known.snapshot.version);
  }
  TrueTime at = std::max(world.queue.now(), parts_.line.ReachesAt(node)) + parts_.line.Latency();
  if (world.Happens(parts_.schedule.faults.late_news)) at += world.random.In({.to = seconds(4)});
  Stream& stream = streams_[node];
  stream.told_until = std::max(stream.told_until + std::chrono::microseconds(1), at);
  world.queue.At(stream.told_until,
                 [this, node, connection = stream.connection, slot, known = std::move(known)] {
                   Tell(node, connection, slot, known);
                 });
}

void Hints::Tell(std::size_t node, std::uint64_t connection, std::size_t slot, const Known& known) {
  Stream& stream = streams_[node];
  if (stream.connection != connection || stream.known.at(slot).version > known.version) return;
  stream.known.at(slot) = known;
  WakeIfNew(node);
}

bool Hints::Differs(std::size_t node, const Seen& seen) const {
  const Known& known = streams_[node].known.at(SlotOf(seen.name));
  if (known.version == 0) return false;
  return seen.version.empty() ? !known.gone : known.version > NumberOf(seen.version);
}

void Hints::WakeIfNew(std::size_t node) {
  const Wait& wait = waits_[node];
  if (wait.waiter == nullptr) return;
  std::vector<Listed> news;
  bool differs = false;
  bool all_told = true;
  for (const Seen& seen : wait.seen) {
    if (!Differs(node, seen)) continue;
    differs = true;
    Known& known = streams_[node].known.at(SlotOf(seen.name));
    if (known.gone || seen.version.empty()) {
      all_told = false;
      // It may be older than what was seen: no reason to wake its caller twice.
      if (seen.version.empty()) known = {};
    } else {
      news.push_back({.name = seen.name, .snapshot = known.snapshot});
    }
  }
  if (!differs) return;
  if (!all_told) news.clear();
  Wake(node, std::move(news));
}

void Hints::Disturb() {
  for (std::size_t node = 0; node < streams_.size(); ++node) {
    if (parts_.world.Happens(parts_.schedule.faults.broken_watch)) Break(node);
  }
}

// What was not told yet never is. The next stream begins with what is there when it is opened.
void Hints::Break(std::size_t node) {
  World& world = parts_.world;
  Stream& stream = streams_[node];
  ++stream.connection;
  stream.known = {};
  const auto again = [this, node, connection = stream.connection] {
    if (streams_[node].connection != connection) return;
    for (std::size_t slot = 0; slot < kMostSlots; ++slot) {
      if (parts_.store.Exists(slot)) SendNews(node, slot);
    }
    if (waits_[node].waiter != nullptr) Wake(node, {});
  };
  world.queue.At(world.queue.now() + world.random.In({.to = seconds(5)}), again);
}

}  // namespace monopod::sim
