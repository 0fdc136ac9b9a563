#include "sim/queue/foreign.h"

#include <fmt/format.h>

#include "sim/queue/lock_text.h"

namespace monopod::sim::queue {

using std::chrono::nanoseconds;
using std::chrono::seconds;

ForeignClient::ForeignClient(const Parts& parts) : parts_(parts) {}

void ForeignClient::Act() {
  World& world = parts_.world;
  if (queues_ || !world.Happens(parts_.schedule.faults.foreign)) return;
  if (parts_.line.UpAt() > world.queue.now()) return;
  const etcd::LeaseId lease = ++parts_.last_lease;
  const seconds ttl(world.random.OneOf({2, 3, 5, 10}));
  if (!parts_.cluster.Grant(lease, ttl)) return;
  Session session{.key = fmt::format("{}{:x}", kForeignKeys, lease), .lease = lease};
  (void)parts_.cluster.Transact({.compares = {}, .then = {etcd::Put{session.key, "", lease}}}, {});
  queues_ = true;
  session.until = world.Within(3 * ttl);
  KeepAlive(session);
}

void ForeignClient::KeepAlive(const Session& session) {
  World& world = parts_.world;
  if (world.queue.now() >= session.until) {
    Unlock(session);
    return;
  }
  (void)parts_.cluster.KeepAlive(session.lease);
  const TrueTime next = world.queue.now() + world.random.In({.to = seconds(1)});
  world.queue.At(std::min(next, session.until), [this, session] { KeepAlive(session); });
}

void ForeignClient::Unlock(const Session& session) {
  queues_ = false;
  World& world = parts_.world;
  const auto way = world.random.Below(3);
  world.trace.Add(world.queue.now(), "etcd", way, [&] {
    constexpr const char* kWays[] = {"unlocks", "closes its session", "is silent from now on"};
    return fmt::format("{}: its client {}", session.key, kWays[way]);
  });
  if (way == 0) {
    (void)parts_.cluster.Transact({.compares = {}, .then = {etcd::Delete{session.key}}}, {});
  } else if (way == 1) {
    (void)parts_.cluster.Revoke(session.lease);
  }
}

}  // namespace monopod::sim::queue
