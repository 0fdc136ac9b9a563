// The watches of all processes: they tell of changes late, out of step with each other, and break.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/line.h"
#include "sim/queue/keyspace.h"
#include "sim/queue/schedule.h"

namespace monopod::sim::queue {

class Watches {
 public:
  using Id = std::uint64_t;
  using Report = std::shared_ptr<const etcd::WatchReport>;  // a large thing that goes a long way
  struct Request {
    std::size_t node = 0;
    std::string begin;
    std::string end;  // empty: one key
    std::function<void(const Report&)> report;
  };

  Watches(World& world, Line& line, const Schedule& schedule)
      : world_(world), line_(line), schedule_(schedule) {}

  // From now on, as etcd::Api::StartWatch.
  Id Start(Request request);
  void Stop(Id id) { watches_.erase(id); }
  void OnChanges(const std::vector<Change>& changes, etcd::Revision revision);
  // The node was cut off: some connections do not outlive that.
  void OnCutOff(std::size_t node);

 private:
  struct Watch {
    std::shared_ptr<const Request> request;
    bool registered = false;  // the server tells it what happens
    std::uint64_t connection = 0;
    TrueTime told_until{};  // nothing overtakes what was told before
  };
  void Connect(Id id, TrueTime from);
  void Break(Id id);
  static void Tell(const Watch& watch, const Report& report);
  struct Letter {
    Id id = 0;
    std::uint64_t connection = 0;
    TrueTime at{};
    Report report;
  };
  void Send(Letter letter);
  void Arrive(const Letter& letter);
  etcd::WatchReport EventsFor(const Watch& watch, const std::vector<Change>& changes,
                              etcd::Revision revision);

  World& world_;
  Line& line_;
  const Schedule& schedule_;
  Id last_id_ = 0;
  std::map<Id, Watch> watches_;
};

}  // namespace monopod::sim::queue
