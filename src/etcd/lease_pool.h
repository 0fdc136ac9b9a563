// Leases for the claims of one process: each claim has one of its own while it lasts, and one that
// ended with nothing unresolved leaves it for the next, which saves the commit of a grant.
//
// Threads: all members may be called concurrently.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "src/etcd/api.h"
#include "src/etcd/queue_machine.h"

namespace monopod::etcd {

class LeasePool {
 public:
  explicit LeasePool(std::shared_ptr<Api> api) : api_(std::move(api)) {}
  LeasePool(const LeasePool&) = delete;
  LeasePool& operator=(const LeasePool&) = delete;
  // Revokes leases of more than 15 s; blocks for at most a second. The others expire by themselves.
  ~LeasePool();

  // An unused lease that has at least half of its TTL left, or a new one. Errors as of Api::Grant.
  Result<Granted> Take(std::chrono::seconds ttl, BootTime deadline);
  // For another claim, or to end with the pool.
  void Return(const QueueMachine::LeaseUse& lease);

 private:
  const std::shared_ptr<Api> api_;
  std::mutex mutex_;
  std::deque<QueueMachine::LeaseUse> unused_;
};

}  // namespace monopod::etcd
