#include "sim/simulation.h"

#include <fmt/format.h>

#include <deque>
#include <memory>
#include <vector>

#include "sim/admin.h"
#include "sim/candidate.h"
#include "sim/foreign.h"
#include "sim/network.h"

namespace monopod::sim {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

class Simulation {
 public:
  Simulation(const Schedule& schedule, const SimulationOptions& options)
      : schedule_(schedule),
        clocks_(MakeClocks(schedule)),
        environment_(schedule,
                     {.kind = schedule.store,
                      .tokens_from_versions = schedule.tokens_from_versions,
                      .shared_clock = schedule.shares_clock() ? &clocks_[0] : nullptr},
                     options.trace),
        network_(environment_),
        admin_(environment_, network_, clocks_[0]) {
    environment_.heal_at = TrueTime(schedule.fault_time);
    for (std::size_t node = 0; node < schedule.candidates.size(); ++node) {
      candidates_.emplace_back(
          Candidate::Parts{.environment = environment_,
                           .network = network_,
                           .make_protocol = options.make_protocol},
          Process::Identity{
              .node = node, .clock = &ClockOf(node), .spec = &schedule.candidates[node]});
    }
    for (int number = 0; number < schedule.faults.foreign; ++number) MakeForeign(number);
  }

  void Run() {
    if (schedule_.made_by_hand) MakeByHand();
    for (Candidate& candidate : candidates_) candidate.Start();
    for (const auto& client : foreign_) client->Start();
    Annotate();
    Disturb();
    RunUntil(environment_.heal_at);
    environment_.faults_on = false;
    environment_.trace.Add(environment_.queue.now(), "faults", 0,
                           [] { return std::string("stop"); });
    environment_.queue.At(environment_.heal_at, [this] {
      for (Candidate& candidate : candidates_) candidate.Heal();
      for (const auto& client : foreign_) client->Retire();
    });
    RunUntil(environment_.heal_at + LongestRecovery());
    // I8.
    if (!environment_.progressed) environment_.checker.Fail("I8: nobody gets the lock any more");
  }

  Environment& environment() { return environment_; }

 private:
  static std::deque<NodeClock> MakeClocks(const Schedule& schedule) {
    std::deque<NodeClock> clocks;
    for (const CandidateSpec& spec : schedule.candidates) {
      clocks.emplace_back(BootTime(spec.clock_offset), spec.clock_rate_error);
    }
    return clocks;
  }
  NodeClock& ClockOf(std::size_t node) { return clocks_[schedule_.shares_clock() ? 0 : node]; }

  void MakeForeign(int number) {
    if (schedule_.store == StoreKind::kLease) {
      foreign_.push_back(std::make_unique<Elector>(environment_, network_, number));
    } else {
      foreign_.push_back(std::make_unique<Script>(environment_, network_, number));
    }
  }

  void MakeByHand() {
    const auto made =
        IsKube(schedule_.store)
            ? network_.Edit(0, {}, [](kube::Object&) {})
            : network_.Commit({.before = {},
                               .after = {.stamp = "hand", .edit = "hand", .origin = "hand"},
                               .author = Author::kResize});
    if (!made) environment_.checker.Fail("simulator: the record cannot be made by hand");
  }

  // A controller that notes something beside the hold now and then, for ever.
  void Annotate() {
    if (schedule_.faults.annotation <= 0) return;
    if (environment_.store.Exists(0) && environment_.random.Chance(schedule_.faults.annotation)) {
      (void)network_.Edit(0, environment_.store.VersionOf(0), [this](kube::Object& object) {
        object.SetText({"metadata", "annotations", "example.com/checked"},
                       std::to_string(environment_.queue.count()));
      });
    }
    environment_.queue.At(environment_.queue.now() + seconds(1), [this] { Annotate(); });
  }

  void RunUntil(TrueTime end) {
    while (!environment_.checker.violation() && !environment_.progressed &&
           environment_.queue.Step(end)) {
    }
  }

  // Looks at the network, the store, the machines and the administrators a few times a TTL.
  void Disturb() {
    if (!environment_.faults_on) return;
    const Faults& faults = schedule_.faults;
    const nanoseconds ttl = LongestTimes(schedule_.candidates).ttl;
    for (std::size_t node = 0; node < candidates_.size(); ++node) {
      if (environment_.Happens(faults.partition)) {
        network_.line().CutOff(node, environment_.Within(3 * ttl));
      }
      DisturbMachine(node);
    }
    if (environment_.Happens(faults.outage)) network_.line().GoDown(environment_.Within(2 * ttl));
    if (environment_.Happens(faults.power_loss)) LosePower();
    network_.hints().Disturb();
    if (environment_.Happens(faults.disk_full)) network_.FillDisk(environment_.Within(2 * ttl));
    admin_.Act();
    environment_.queue.At(environment_.queue.now() + ttl / 4, [this] { Disturb(); });
  }

  void DisturbMachine(std::size_t node) {
    const nanoseconds ttl = LongestTimes(schedule_.candidates).ttl;
    const TrueTime now = environment_.queue.now();
    if (!schedule_.shares_clock() && environment_.Happens(schedule_.faults.pause)) {
      ClockOf(node).Pause(now, environment_.Within(3 * ttl));
      environment_.trace.Add(now, "faults", node,
                             [&] { return fmt::format("node {} is paused", node); });
    }
    if (environment_.Happens(schedule_.faults.suspend)) {
      ClockOf(node).Suspend(now, environment_.Within(3 * ttl));
      environment_.trace.Add(now, "faults", node,
                             [&] { return fmt::format("node {} is suspended", node); });
    }
  }

  void LosePower() {
    environment_.trace.Add(environment_.queue.now(), "faults", 1,
                           [] { return std::string("the machine loses power"); });
    network_.LosePower();
    for (Candidate& candidate : candidates_) candidate.LosePower();
  }

  // A silent hold goes stale, what it owed is waited out, and all hints are lost; on the slowest
  // clock.
  nanoseconds LongestRecovery() const {
    const nanoseconds ttl = LongestTimes(schedule_.candidates).ttl;
    const nanoseconds bound =
        2 * protocol::SilenceToTakeOver(LongestTimes(schedule_.candidates).ttl) +
        protocol::RecoveryTime(
            std::chrono::floor<std::chrono::milliseconds>(LongestKill(schedule_.candidates))) +
        seconds(schedule_.faults.foreign > 0 ? 40 : 15) + ttl;
    return bound * 13 / 10;
  }

  const Schedule& schedule_;
  std::deque<NodeClock> clocks_;
  Environment environment_;
  Network network_;
  Admin admin_;
  std::deque<Candidate> candidates_;
  std::vector<std::unique_ptr<ForeignClient>> foreign_;
};

}  // namespace

SimulationResult Simulate(const SimulationOptions& options) {
  Schedule schedule = MakeSchedule(options.seed);
  schedule.judged = options.judged;
  Simulation simulation(schedule, options);
  simulation.Run();
  const Environment& environment = simulation.environment();
  return {.violation = environment.checker.violation(),
          .hash = environment.trace.hash(),
          .events = environment.queue.count(),
          .trace = environment.trace.lines()};
}

std::string Describe(const Schedule& schedule) {
  std::string text = fmt::format(
      "seed {}: {}, {} slots, {} candidates, {}{}, latency {} us, faults for {} ms", schedule.seed,
      StoreKindName(schedule.store), schedule.slots, schedule.candidates.size(),
      schedule.within_bounds ? "within bounds" : "outside of the bounds",
      schedule.recovery_delay ? "" : ", without recovery delay",
      schedule.latency / std::chrono::microseconds(1),
      schedule.fault_time / std::chrono::milliseconds(1));
  const Faults& faults = schedule.faults;
  for (const auto& [name, probability] : {std::pair("late writes", faults.late_write),
                                          {"breaks", faults.breaks},
                                          {"deletions", faults.deletion},
                                          {"resizes", faults.resize},
                                          {"suspends", faults.suspend},
                                          {"pauses", faults.pause},
                                          {"power losses", faults.power_loss},
                                          {"refusals", faults.busy},
                                          {"a watch that lags", faults.late_news},
                                          {"foreign clients", faults.foreign * 1.0}}) {
    if (probability > 0) text += fmt::format(", {}", name);
  }
  for (const CandidateSpec& one : schedule.candidates) {
    text += fmt::format("\n  ttl {} ms, kill {} ms, clock {:+} ppm, wall clock {:+} ms",
                        one.times.ttl.count(), one.times.kill.count(), one.clock_rate_error,
                        one.wall_offset / std::chrono::milliseconds(1));
  }
  return text;
}

}  // namespace monopod::sim
