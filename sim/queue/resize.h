// An administrator who changes the number of slots, in several steps between which anything can
// happen: src/lock/etcd_backend.cc, Resize.
#pragma once

#include <map>
#include <string>

#include "sim/queue/cluster.h"
#include "src/etcd/lock_picture.h"

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

  bool goes_on() const { return slots_ != 0; }
  void Begin(int slots);

 private:
  void Step();
  void Later();
  void TidyAway(const etcd::LockPicture& picture, const etcd::LockContents& contents, BootTime now);
  // Later, conditioned on what was read.
  void Apply(etcd::Transaction transaction, bool says_it);

  const Parts parts_;
  const etcd::LockKeys keys_;
  int slots_ = 0;  // that shall be, or 0
  bool said_ = false;
  std::map<std::string, BootTime> gone_since_;  // by marker
};

}  // namespace monopod::sim::queue
