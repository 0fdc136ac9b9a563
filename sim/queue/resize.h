// An administrator who changes the number of slots, in several steps between which anything can
// happen: src/lock/etcd_backend.cc, Resize.
#pragma once

#include <optional>

#include "sim/queue/cluster.h"
#include "src/etcd/lock_changes.h"

namespace monopod::sim::queue {

class Resize {
 public:
  struct Parts {
    World& world;
    Line& line;
    Cluster& cluster;
    const NodeClock& clock;
  };
  explicit Resize(const Parts& parts);

  bool goes_on() const { return resizing_.has_value(); }
  void Begin(int slots);

 private:
  void Step();
  void Later();
  // Later, conditioned on what was read.
  void Apply(const etcd::Transaction& transaction, bool is_the_write);

  const Parts parts_;
  const etcd::LockKeys keys_;
  std::optional<etcd::Resizing> resizing_;
};

}  // namespace monopod::sim::queue
