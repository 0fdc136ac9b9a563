// A client that is not monopod: Go's concurrency.Mutex or `etcdctl lock`, as far as its key in the
// queue shows. Its work is not judged, but ours must not begin while an older key of it stands.
#pragma once

#include "sim/queue/cluster.h"
#include "src/etcd/lock_keys.h"

namespace monopod::sim::queue {

class ForeignClient {
 public:
  struct Parts {
    World& world;
    Line& line;
    Cluster& cluster;
    const Schedule& schedule;
    etcd::LeaseId& last_lease;
  };
  explicit ForeignClient(const Parts& parts);

  // Now and then: its key comes, and goes in one of the ways in which such keys go.
  void Act();

 private:
  struct Session {
    std::string key;
    etcd::LeaseId lease = etcd::kNoLease;
    TrueTime until{};
  };
  void KeepAlive(const Session& session);
  void Unlock(const Session& session);

  const Parts parts_;
  bool queues_ = false;
};

}  // namespace monopod::sim::queue
