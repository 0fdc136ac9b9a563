// The leases that a process keeps for its next claims: src/etcd/lease_pool.h without its clock and
// its calls.
#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "src/etcd/queue_machine.h"

namespace monopod::sim::queue {

class LeaseStock {
 public:
  std::optional<etcd::Granted> Take(std::chrono::seconds ttl, BootTime now) {
    std::erase_if(unused_, [&](const auto& lease) { return now - lease.kept > lease.ttl; });
    const auto at = std::ranges::find_if(unused_, [&](const auto& lease) {
      return lease.reusable && lease.ttl == ttl && now - lease.kept < lease.ttl / 2;
    });
    if (at == unused_.end()) return std::nullopt;
    const etcd::Granted granted{.id = at->id, .kept = at->kept};
    unused_.erase(at);
    return granted;
  }
  void Return(const etcd::QueueMachine::LeaseUse& lease) { unused_.push_back(lease); }
  // What is to be revoked when the process ends.
  std::deque<etcd::QueueMachine::LeaseUse> TakeAll() { return std::exchange(unused_, {}); }

 private:
  std::deque<etcd::QueueMachine::LeaseUse> unused_;
};

}  // namespace monopod::sim::queue
