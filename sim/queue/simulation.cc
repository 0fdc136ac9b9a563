#include "sim/queue/simulation.h"

#include <algorithm>
#include <deque>

#include "sim/queue/administrator.h"
#include "sim/queue/client.h"
#include "sim/queue/foreign.h"

namespace monopod::sim::queue {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

class Simulation {
 public:
  Simulation(const Schedule& schedule, const SimulationOptions& options)
      : schedule_(schedule),
        world_(schedule.seed, options.trace),
        clocks_(MakeClocks(schedule)),
        line_(world_, {.nodes = schedule.candidates.size(),
                       .latency = schedule.latency,
                       .late_by = 3 * LongestTimes(schedule.candidates).ttl,
                       .lost_request = schedule.faults.lost_request,
                       .lost_reply = schedule.faults.lost_reply,
                       .late_write = schedule.faults.late_write}),
        keyspace_(schedule.faults.stale_read > 0),
        checker_(schedule, keyspace_),
        watches_(world_, line_, schedule),
        cluster_({world_, line_, watches_, checker_, keyspace_, schedule}),
        network_({world_, line_, cluster_, checker_, schedule}),
        administrator_({world_, line_, cluster_, checker_, schedule, clocks_[0],
                        [this](const Change& proof) { CutOffOwnerOf(proof); },
                        [this](const std::string& member) { return OwnerOf(member) != nullptr; }}),
        foreign_({world_, line_, cluster_, schedule, last_lease_}) {
    world_.heal_at = TrueTime(schedule.fault_time);
    for (std::size_t node = 0; node < schedule.candidates.size(); ++node) {
      clients_.emplace_back(
          Client::Parts{world_, checker_, network_, watches_, schedule, last_lease_,
                        options.make_machine},
          Process::Identity{
              .node = node, .clock = &clocks_[node], .spec = &schedule.candidates[node]});
    }
  }

  void Run() {
    if (schedule_.slots_said) administrator_.SaySlots();
    for (Client& client : clients_) client.Start();
    Disturb();
    RunUntil(world_.heal_at, [] { return false; });
    Heal();
    RunUntil(world_.queue.now() + LongestRecovery(), [this] { return world_.progressed; });
    if (!world_.progressed) checker_.Fail("I8: nobody gets the lock any more");
    for (Client& client : clients_) client.Retire();
    RunUntilAllAreOver("I8: a claim does not come to its end");
    // What is left of those who crashed ends with their leases.
    RunUntil(world_.queue.now() + LongestTimes(schedule_.candidates).ttl * 13 / 10 + seconds(3),
             [] { return false; });
    // Who counts ranks need not wait for the end of older work, but what it watched helps to tidy.
    const bool by_rank = schedule_.slots > 1 || schedule_.faults.resize > 0;
    Rarest().ClaimOnce(by_rank ? LongestWait() : milliseconds(200));
    RunUntilAllAreOver("I8: a claim alone does not get the lock");
    if (administrator_.resizes()) checker_.Fail("I8: the number of slots does not come into force");
    checker_.CheckNothingIsLeft();
  }

  SimulationResult Result() const {
    return {.violation = checker_.violation(),
            .hash = world_.trace.hash(),
            .events = world_.queue.count(),
            .trace = world_.trace.lines()};
  }

 private:
  static std::deque<NodeClock> MakeClocks(const Schedule& schedule) {
    std::deque<NodeClock> clocks;
    for (const CandidateSpec& spec : schedule.candidates) {
      clocks.emplace_back(BootTime(spec.clock_offset), spec.clock_rate_error);
    }
    return clocks;
  }

  template <class Condition>
  void RunUntil(TrueTime end, const Condition& is_enough) {
    while (!checker_.violation() && !is_enough() && world_.queue.Step(end)) {
    }
  }

  // Who renews least often has the least to tell.
  Client& Rarest() {
    const auto rarest = std::ranges::max_element(
        schedule_.candidates, {}, [](const CandidateSpec& one) { return one.times.renew; });
    return clients_[static_cast<std::size_t>(rarest - schedule_.candidates.begin())];
  }

  void RunUntilAllAreOver(const char* otherwise) {
    const auto all_over = [this] {
      return std::ranges::none_of(clients_, [](const Client& client) { return client.claims(); });
    };
    RunUntil(world_.queue.now() + 3 * LongestRecovery(), all_over);
    if (!all_over()) checker_.Fail(otherwise);
  }

  void Heal() {
    world_.faults_on = false;
    world_.trace.Add(world_.queue.now(), "faults", 0, [] { return std::string("stop"); });
    for (Client& client : clients_) client.Heal();
    if (schedule_.faults.sticky > 0) BreakAbandoned();
  }

  void CutOff(std::size_t node) {
    line_.CutOff(node, world_.Within(3 * LongestTimes(schedule_.candidates).ttl));
    watches_.OnCutOff(node);
    world_.trace.Add(world_.queue.now(), "faults", node,
                     [&] { return "node " + std::to_string(node) + " is cut off"; });
  }

  Client* OwnerOf(const std::string& key) {
    const auto owner =
        std::ranges::find_if(clients_, [&](const Client& client) { return client.Owns(key); });
    return owner == clients_.end() ? nullptr : &*owner;
  }

  void CutOffOwnerOf(const Change& proof) {
    if (const Client* owner = OwnerOf(proof.key)) CutOff(owner->node());
  }

  void BreakAbandoned() {
    administrator_.BreakAbandoned();
    world_.queue.At(world_.queue.now() + seconds(1), [this] { BreakAbandoned(); });
  }

  void DisturbMachine(std::size_t node) {
    const nanoseconds ttl = LongestTimes(schedule_.candidates).ttl;
    const TrueTime now = world_.queue.now();
    if (world_.Happens(schedule_.faults.pause)) {
      clocks_[node].Pause(now, world_.Within(3 * ttl));
      world_.trace.Add(now, "faults", node,
                       [&] { return "node " + std::to_string(node) + " is paused"; });
    }
    if (world_.Happens(schedule_.faults.suspend)) {
      clocks_[node].Suspend(now, world_.Within(3 * ttl));
      world_.trace.Add(now, "faults", node,
                       [&] { return "node " + std::to_string(node) + " is suspended"; });
    }
  }

  // Looks at the network, the cluster, the machines and the administrators a few times a TTL.
  void Disturb() {
    if (!world_.faults_on) return;
    const Faults& faults = schedule_.faults;
    const nanoseconds ttl = LongestTimes(schedule_.candidates).ttl;
    for (std::size_t node = 0; node < clients_.size(); ++node) {
      if (world_.Happens(faults.partition)) CutOff(node);
      if (world_.Happens(faults.expired_token)) network_.Expire(node, world_.Within(ttl / 2));
      DisturbMachine(node);
    }
    if (world_.Happens(faults.outage)) line_.GoDown(world_.Within(2 * ttl));
    if (world_.Happens(faults.election)) cluster_.Elect();
    if (world_.Happens(faults.full)) cluster_.BeFullUntil(world_.Within(2 * ttl));
    administrator_.Act();
    foreign_.Act();
    world_.queue.At(world_.queue.now() + ttl / 4, [this] { Disturb(); });
  }

  // Twice the lease of whoever is silent, an election, what its work may still take, and slack for
  // events that were lost; on the slowest clock.
  nanoseconds LongestRecovery() const {
    const nanoseconds bound = 2 * LongestTimes(schedule_.candidates).ttl + seconds(1) +
                              protocol::RecoveryTime(LongestKill(schedule_.candidates)) +
                              seconds(15);
    return (bound + LongestForeignWait()) * 13 / 10;
  }

  // From when an end is seen to when it is over.
  nanoseconds LongestWait() const {
    constexpr seconds kLockDelay(2);
    const nanoseconds wait =
        protocol::RecoveryTime(LongestKill(schedule_.candidates)) + kLockDelay + seconds(1);
    return (wait + LongestForeignWait()) * 11 / 10;
  }

  // The TTL of a foreign key that vanished may not be known any more.
  nanoseconds LongestForeignWait() const {
    return schedule_.faults.foreign > 0 ? seconds(75) : seconds(0);
  }

  const Schedule& schedule_;
  World world_;
  std::deque<NodeClock> clocks_;
  Line line_;
  Keyspace keyspace_;
  Checker checker_;
  Watches watches_;
  Cluster cluster_;
  Network network_;
  Administrator administrator_;
  etcd::LeaseId last_lease_ = 0;
  ForeignClient foreign_;
  std::deque<Client> clients_;
};

}  // namespace

SimulationResult Simulate(const SimulationOptions& options) {
  Schedule schedule = MakeSchedule(options.seed);
  schedule.judged = options.judged;
  Simulation simulation(schedule, options);
  simulation.Run();
  return simulation.Result();
}

}  // namespace monopod::sim::queue
