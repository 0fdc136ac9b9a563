#include "sim/queue/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/queue/lock_text.h"

namespace monopod::sim::queue {

using etcd::LeaseId;
using etcd::TimeToLive;
using etcd::Transaction;
using etcd::TransactionReply;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace {

constexpr milliseconds kExpiryScan(500);
constexpr seconds kElectionTimeout(1);
constexpr seconds kMinTtl(2);

}  // namespace

Cluster::Cluster(const Parts& parts)
    : parts_(parts),
      clocks_{NodeClock(BootTime(std::chrono::hours(1)), parts.schedule.server_rate_errors[0]),
              NodeClock(BootTime(std::chrono::hours(20)), parts.schedule.server_rate_errors[1]),
              NodeClock(BootTime(std::chrono::hours(300)), parts.schedule.server_rate_errors[2])} {
  LookForExpired();
}

BootTime Cluster::LeaderNow() const { return clocks_.at(leader_).At(parts_.world.queue.now()); }

bool Cluster::IsFull() const {
  return parts_.world.faults_on && full_until_ > parts_.world.queue.now();
}

Result<seconds> Cluster::Grant(LeaseId lease, seconds ttl) {
  if (IsFull()) return Fail(ErrorCode::kOutOfSpace, "database space exceeded");
  if (leases_.contains(lease)) return Fail(ErrorCode::kConflict, "the lease exists");
  ttl = std::max(ttl, kMinTtl);
  leases_[lease] = {.ttl = ttl, .expires = LeaderNow() + ttl};
  parts_.keyspace.Grant(lease);
  return ttl;
}

Result<seconds> Cluster::KeepAlive(LeaseId id) {
  const auto at = leases_.find(id);
  if (parts_.world.Happens(parts_.schedule.faults.false_keep_alive)) {
    // Answered by a deposed leader; or, of a lease that was revoked, kept all the same (#20813).
    if (parts_.world.random.Chance(0.2)) {
      return Fail(ErrorCode::kNotFound, "requested lease not found");
    }
    return at == leases_.end() ? kMinTtl : at->second.ttl;
  }
  if (at == leases_.end() || at->second.expires <= LeaderNow()) {
    return Fail(ErrorCode::kNotFound, "requested lease not found");
  }
  at->second.expires = LeaderNow() + at->second.ttl;
  return at->second.ttl;
}

Result<void> Cluster::Revoke(LeaseId lease) {
  if (leases_.erase(lease) == 0) return Fail(ErrorCode::kNotFound, "requested lease not found");
  parts_.keyspace.Revoke(lease);
  Changed({});
  return {};
}

Result<TimeToLive> Cluster::AskTimeToLive(LeaseId lease) {
  const auto at = leases_.find(lease);
  if (at == leases_.end()) return TimeToLive{};
  const auto left = std::chrono::floor<seconds>(at->second.expires - LeaderNow());
  return TimeToLive{.left = std::max(left, seconds(0)), .granted = at->second.ttl};
}

// The server adds up the puts of the dearer branch.
bool Cluster::CostsSpace(const Transaction& transaction) const {
  const auto costs = [this](const etcd::Operation& operation) {
    const auto* nested = std::get_if<Transaction>(&operation);
    return std::holds_alternative<etcd::Put>(operation) ||
           (parts_.schedule.nested_puts_cost && nested != nullptr && CostsSpace(*nested));
  };
  return std::ranges::any_of(transaction.then, costs) ||
         std::ranges::any_of(transaction.otherwise, costs);
}

Result<TransactionReply> Cluster::Transact(const Transaction& transaction, const Author& author) {
  if (IsReadOnly(transaction)) return Read(transaction);
  const bool refused = IsFull() && CostsSpace(transaction);
  // The one that used up the space was carried out, and is answered like those refused later.
  const bool landed_all_the_same = refused && parts_.world.random.Chance(0.15);
  if (refused && !landed_all_the_same) {
    return Fail(ErrorCode::kOutOfSpace, "database space exceeded");
  }
  auto reply = parts_.keyspace.Apply(transaction);
  if (reply) {
    Changed(author);
    TellAmbush(author);
  } else if (reply.error().code == ErrorCode::kInvalidArgument) {
    parts_.checker.Fail("refused: etcd takes no such transaction: " + reply.error().message);
  }
  if (landed_all_the_same) return Fail(ErrorCode::kOutOfSpace, "database space exceeded");
  return reply;
}

Result<TransactionReply> Cluster::Read(const Transaction& transaction) {
  if (parts_.world.Happens(parts_.schedule.faults.stale_read) && !revisions_.empty()) {
    const nanoseconds most = LongestTimes(parts_.schedule.candidates).ttl;
    const TrueTime then = parts_.world.queue.now() - parts_.world.random.In({.to = most});
    const auto later =
        std::ranges::upper_bound(revisions_, then, {}, [](const auto& one) { return one.first; });
    return parts_.keyspace.ReadAt(transaction,
                                  later == revisions_.begin() ? 1 : std::prev(later)->second);
  }
  return parts_.keyspace.Apply(transaction);
}

void Cluster::Changed(const Author& author) {
  const TrueTime now = parts_.world.queue.now();
  const auto& changes = parts_.keyspace.changes();
  if (changes.empty()) return;
  const etcd::Revision revision = parts_.keyspace.revision();
  revisions_.emplace_back(now, revision);
  for (const Change& change : changes) {
    parts_.world.trace.Add(now, "etcd", static_cast<std::uint64_t>(revision), [&] {
      return fmt::format("{} {} {}{} {}", revision, author.claim ? InstanceOf(*author.claim) : "-",
                         change.after ? "puts " : "deletes ", change.key,
                         change.after ? change.after->value : "");
    });
  }
  parts_.checker.OnChanges(author, now);
  parts_.watches.OnChanges(changes, revision);
}

void Cluster::TellAmbush(const Author& author) {
  if (!ambush_ || !author.claim) return;
  for (const Change& change : parts_.keyspace.changes()) {
    if (!change.after || ReadKey(change.key).kind != KeyKind::kMember) continue;
    // A copy: what it does makes other changes.
    std::exchange(ambush_, nullptr)(Change(change));
    return;
  }
}

void Cluster::LookForExpired() {
  const TrueTime now = parts_.world.queue.now();
  parts_.world.queue.At(now + kExpiryScan, [this] { LookForExpired(); });
  if (parts_.line.UpAt() > now) return;
  for (auto& [id, lease] : leases_) {
    if (lease.doomed || lease.expires > LeaderNow()) continue;
    lease.doomed = true;
    parts_.world.queue.At(now + parts_.line.Latency(), [this, doomed = id] { Expire(doomed); });
  }
}

void Cluster::Expire(LeaseId id) {
  if (const TrueTime up = parts_.line.UpAt(); up > parts_.world.queue.now()) {
    parts_.world.queue.At(up, [this, id] { Expire(id); });
    return;
  }
  const auto at = leases_.find(id);
  if (at == leases_.end() || !at->second.doomed) return;
  parts_.world.trace.Add(parts_.world.queue.now(), "etcd", static_cast<std::uint64_t>(id),
                         [&] { return fmt::format("lets the lease {:x} expire", id); });
  (void)Revoke(id);
}

void Cluster::Elect() {
  const TrueTime until = parts_.world.Within(seconds(3));
  parts_.line.GoDown(until);
  parts_.world.queue.At(until, [this] { Promote(); });
}

void Cluster::Promote() {
  leader_ = parts_.world.random.Below(kServers);
  parts_.world.trace.Add(parts_.world.queue.now(), "etcd", leader_,
                         [&] { return fmt::format("has a new leader: {}", leader_); });
  for (auto& [id, lease] : leases_) {
    lease.expires = LeaderNow() + lease.ttl + kElectionTimeout;
    // A revocation that the last leader had begun may still be carried out.
    if (parts_.world.random.Chance(0.5)) lease.doomed = false;
  }
}

}  // namespace monopod::sim::queue
