// What tells those who wait that a record has changed: too late, or never, since that is all that
// AwaitChange promises. Of an API server they hear what it is now, from a watch that lags behind
// and forgets (src/kube/lock_watch.h).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "sim/line.h"
#include "sim/schedule.h"
#include "sim/sim_store.h"

namespace monopod::sim {

// Who waits.
class Waiter {
 public:
  // `news` as of RecordStore::AwaitNews.
  virtual void OnHint(std::uint64_t ticket, std::vector<protocol::Listed> news) = 0;

 protected:
  ~Waiter() = default;
};

class Hints {
 public:
  struct Parts {
    World& world;
    Line& line;
    const SimStore& store;
    const Schedule& schedule;
  };
  explicit Hints(const Parts& parts);

  // Of a change of one of `seen`, until the node waits for something else. Told once.
  struct Wait {
    Waiter* waiter = nullptr;
    std::uint64_t ticket = 0;
    std::vector<protocol::Seen> seen;
  };
  void Await(std::size_t node, Wait wait);
  void OnChange(std::size_t slot);
  // Now and then.
  void Disturb();

 private:
  // A record as a watch has told of it.
  struct Known {
    std::uint64_t version = 0;  // 0: nothing was told
    bool gone = false;
    protocol::Snapshot snapshot;
  };
  struct Stream {
    std::uint64_t connection = 0;
    TrueTime told_until{};  // nothing overtakes what was told before
    std::array<Known, kMostSlots> known;
  };

  void Tell(std::size_t node, std::uint64_t connection, std::size_t slot, const Known& known);
  void SendNews(std::size_t node, std::size_t slot);
  void Break(std::size_t node);
  void Wake(std::size_t node, std::vector<protocol::Listed> news);
  bool Differs(std::size_t node, const protocol::Seen& seen) const;
  void WakeIfNew(std::size_t node);

  const Parts parts_;
  std::vector<Wait> waits_;      // of each node
  std::vector<Stream> streams_;  // of each node, with an API server
};

}  // namespace monopod::sim
