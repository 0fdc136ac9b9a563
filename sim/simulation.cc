#include "sim/simulation.h"

#include <fmt/format.h>

#include <deque>

#include "sim/admin.h"
#include "sim/candidate.h"
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
                     {.tokens_from_versions = schedule.tokens_from_versions,
                      .shared_clock = schedule.shared_clock ? &clocks_[0] : nullptr},
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
  }

  void Run() {
    if (schedule_.made_by_hand &&
        !network_.Commit({.after = {.stamp = "hand", .edit = "hand", .origin = "hand"},
                          .author = Author::kResize})) {
      environment_.checker.Fail("the record cannot be made by hand");
    }
    for (Candidate& candidate : candidates_) candidate.Start();
    Disturb();
    RunUntil(environment_.heal_at);
    environment_.faults_on = false;
    environment_.trace.Add(environment_.queue.now(), "faults", 0,
                           [] { return std::string("stop"); });
    environment_.queue.At(environment_.heal_at, [this] {
      for (Candidate& candidate : candidates_) candidate.Heal();
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
  NodeClock& ClockOf(std::size_t node) { return clocks_[schedule_.shared_clock ? 0 : node]; }

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
      if (!schedule_.shared_clock && environment_.Happens(faults.pause)) {
        ClockOf(node).Pause(environment_.queue.now(), environment_.Within(3 * ttl));
        environment_.trace.Add(environment_.queue.now(), "faults", node,
                               [&] { return fmt::format("node {} is paused", node); });
      }
    }
    if (environment_.Happens(faults.outage)) network_.line().GoDown(environment_.Within(2 * ttl));
    if (environment_.Happens(faults.disk_full)) network_.FillDisk(environment_.Within(2 * ttl));
    admin_.Act();
    environment_.queue.At(environment_.queue.now() + ttl / 4, [this] { Disturb(); });
  }

  // A silent hold goes stale, what it owed is waited out, and all hints are lost; on the slowest
  // clock.
  nanoseconds LongestRecovery() const {
    const nanoseconds ttl = LongestTimes(schedule_.candidates).ttl;
    const nanoseconds bound =
        2 * protocol::SilenceToTakeOver(LongestTimes(schedule_.candidates).ttl) +
        protocol::RecoveryTime(
            std::chrono::floor<std::chrono::milliseconds>(LongestKill(schedule_.candidates))) +
        seconds(15) + ttl;
    return bound * 13 / 10;
  }

  const Schedule& schedule_;
  std::deque<NodeClock> clocks_;
  Environment environment_;
  Network network_;
  Admin admin_;
  std::deque<Candidate> candidates_;
};

}  // namespace

SimulationResult Simulate(const SimulationOptions& options) {
  const Schedule schedule = MakeSchedule(options.seed);
  Simulation simulation(schedule, options);
  simulation.Run();
  const Environment& environment = simulation.environment();
  return {.violation = environment.checker.violation(),
          .hash = environment.trace.hash(),
          .events = environment.queue.count(),
          .trace = environment.trace.lines()};
}

std::string Describe(const Schedule& schedule) {
  std::string text =
      fmt::format("seed {}: {} slots, {} candidates, {}, latency {} us, faults for {} ms{}{}{}",
                  schedule.seed, schedule.slots, schedule.candidates.size(),
                  schedule.within_bounds ? "within bounds" : "outside of the bounds",
                  schedule.latency / std::chrono::microseconds(1),
                  schedule.fault_time / std::chrono::milliseconds(1),
                  schedule.shared_clock ? ", shared clock" : "",
                  schedule.tokens_from_versions ? ", tokens from versions" : "",
                  schedule.made_by_hand ? ", record made by hand" : "");
  for (const CandidateSpec& one : schedule.candidates) {
    text += fmt::format("\n  ttl {} ms, kill {} ms, clock {:+} ppm, wall clock {:+} ms",
                        one.times.ttl.count(), one.times.kill.count(), one.clock_rate_error,
                        one.wall_offset / std::chrono::milliseconds(1));
  }
  return text;
}

}  // namespace monopod::sim
