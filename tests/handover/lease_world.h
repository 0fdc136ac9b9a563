// One Lease on an API server, in simulated time, and who was at work when.
//
// The Lease is a JSON document that changes only by an update with the version it has; what stands
// in it is written and read by monopod's own codec and by an elector's rules.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sim/event_queue.h"
#include "sim/random.h"
#include "src/kube/lease_record.h"
#include "src/kube/object.h"
#include "src/protocol/record_store.h"
#include "tests/support/client_go_elector.h"

namespace monopod::handover {

using sim::TrueTime;

// From when to when somebody's work ran, or somebody was paused.
struct Interval {
  TrueTime begin;
  TrueTime end = TrueTime::max();
  bool Overlaps(const Interval& other) const { return begin < other.end && other.begin < end; }
};

enum class Kind : std::uint8_t { kMonopod, kClientGo };

struct Work {
  Kind kind;
  std::string who;
  Interval when;
};

class LeaseWorld {
 public:
  explicit LeaseWorld(std::uint64_t seed);

  sim::EventQueue& events() { return events_; }
  sim::Random& random() { return random_; }
  TrueTime now() const { return events_.now(); }
  WallTime Wall() const;  // of every participant's clock that shows the time right

  // A request reaches the server, its answer the asker.
  void Later(std::chrono::nanoseconds delay, sim::EventQueue::Run run) {
    events_.At(now() + delay, std::move(run));
  }
  std::chrono::nanoseconds NetworkDelay();

  // What the server does when a request has arrived.
  Result<protocol::Snapshot> ReadRecord() const;
  Result<protocol::Written> WriteRecord(const protocol::Version& expected,
                                        const protocol::Record& record);
  std::pair<testing::LeaseFields, protocol::Version> GetFields() const;
  // The new version; nothing if `expected` is not the present one.
  std::optional<protocol::Version> UpdateFields(const protocol::Version& expected,
                                                const testing::LeaseFields& fields);

  // Told of each change, a little later.
  void Watch(std::function<void()> on_change) { watchers_.push_back(std::move(on_change)); }

  // Work. The index is for EndWork.
  std::size_t BeginWork(Kind kind, std::string who);
  void EndWork(std::size_t index) { works_[index].when.end = now(); }
  const std::vector<Work>& works() const { return works_; }
  int HandOvers() const { return hand_overs_; }

  // The moments at which an elector blanked a hold of monopod.
  void NoteBlanked() { blanked_.push_back(now()); }
  const std::vector<TrueTime>& blanked() const { return blanked_; }

 private:
  void Replace(kube::Object object);

  sim::EventQueue events_;
  sim::Random random_;
  kube::LeaseCodec codec_;
  kube::Object lease_;
  std::uint64_t version_ = 1;
  std::vector<std::function<void()>> watchers_;
  std::vector<Work> works_;
  std::vector<TrueTime> blanked_;
  int hand_overs_ = 0;
};

}  // namespace monopod::handover
