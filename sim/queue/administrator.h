// Administrators, who break holds, change the number of slots and delete keys by hand; and a
// deposed leader, which revokes leases that have just been kept.
#pragma once

#include <functional>
#include <string>

#include "sim/queue/cluster.h"
#include "sim/queue/resize.h"
#include "src/etcd/lock_picture.h"

namespace monopod::sim::queue {

class Administrator {
 public:
  struct Parts {
    World& world;
    Line& line;
    Cluster& cluster;
    Checker& checker;
    const Schedule& schedule;
    const NodeClock& clock;
    // The node of the claim whose proof it is reaches nothing for a while.
    std::function<void(const Change& proof)> cut_off;
    // Whether a process has the claim of this member.
    std::function<bool(const std::string& member)> has_process;
  };
  explicit Administrator(const Parts& parts);

  // Before the first claim.
  void SaySlots();
  // Now and then.
  void Act();
  // Sticky holds whose processes are gone.
  void BreakAbandoned();
  bool resizes() const { return resize_.goes_on(); }

 private:
  void Break(std::chrono::nanoseconds after);
  void BreakWhenProven();
  void RevokeWhenProven();
  void DeleteMember();
  void Wipe();
  etcd::LockContents Read();
  void Apply(const etcd::Transaction& transaction);
  std::chrono::nanoseconds Soon();
  void Trace(const std::string& text);

  const Parts parts_;
  const etcd::LockKeys keys_;
  Resize resize_;
};

}  // namespace monopod::sim::queue
