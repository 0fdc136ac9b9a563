// A simulated etcd cluster: leases that its leader lets expire by its clock, elections, the space
// quota, reads that are late. Each call takes effect at the moment at which it is made here; delay
// and loss happen on the way to it (network.h).
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <utility>

#include "sim/queue/checker.h"
#include "sim/queue/keyspace.h"
#include "sim/queue/watches.h"

namespace monopod::sim::queue {

class Cluster {
 public:
  struct Parts {
    World& world;
    Line& line;
    Watches& watches;
    Checker& checker;
    Keyspace& keyspace;
    const Schedule& schedule;
  };
  explicit Cluster(const Parts& parts);

  // Errors as of etcd::Api, but for what the way adds.
  Result<std::chrono::seconds> Grant(etcd::LeaseId lease, std::chrono::seconds ttl);
  Result<std::chrono::seconds> KeepAlive(etcd::LeaseId lease);
  Result<void> Revoke(etcd::LeaseId lease);
  Result<etcd::TimeToLive> AskTimeToLive(etcd::LeaseId lease);
  Result<etcd::TransactionReply> Transact(const etcd::Transaction& transaction,
                                          const Author& author);

  // As of now; by administrators and foreign clients also what is not told as it happened.
  const Keyspace& keyspace() const { return parts_.keyspace; }

  void BeFullUntil(TrueTime until) { full_until_ = until; }
  // No leader for a while; the next one starts all leases anew.
  void Elect();
  // Calls once, when the next proof of a hold or claim has landed.
  void Ambush(std::function<void(const Change& proof)> ambush) { ambush_ = std::move(ambush); }

 private:
  struct Lease {
    std::chrono::seconds ttl{0};
    BootTime expires{};   // by the leader's clock
    bool doomed = false;  // the leader has found it expired
  };
  bool IsFull() const;
  BootTime LeaderNow() const;
  void LookForExpired();
  void Expire(etcd::LeaseId id);
  void Promote();
  void Changed(const Author& author);
  void TellAmbush(const Author& author);
  Result<etcd::TransactionReply> Read(const etcd::Transaction& transaction);
  bool CostsSpace(const etcd::Transaction& transaction) const;

  const Parts parts_;
  std::array<NodeClock, kServers> clocks_;
  std::size_t leader_ = 0;
  std::map<etcd::LeaseId, Lease> leases_;
  std::deque<std::pair<TrueTime, etcd::Revision>> revisions_;  // when each came to be
  TrueTime full_until_{};
  std::function<void(const Change& proof)> ambush_;
};

}  // namespace monopod::sim::queue
