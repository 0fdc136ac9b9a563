// Runs schedules of the lock protocol and stops at the first one that breaks an invariant.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "sim/queue/simulation.h"
#include "sim/simulation.h"

namespace monopod::sim {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct Settings {
  std::string store;
  std::optional<std::uint64_t> seed;
  std::string seeds;
  double minutes = 0;
  std::string mutant;
  bool trace = false;
};

constexpr std::uint64_t kLastSeed = std::numeric_limits<std::uint64_t>::max() - 1;

struct SeedRange {
  std::uint64_t from = 0;
  std::uint64_t to = 9'999;  // itself included
};

std::optional<SeedRange> ParseRange(const std::string& text) {
  const std::size_t dots = text.find("..");
  try {
    if (dots == std::string::npos) return std::nullopt;
    const SeedRange range{.from = std::stoull(text.substr(0, dots)),
                          .to = std::stoull(text.substr(dots + 2))};
    if (range.to < range.from || range.to > kLastSeed) return std::nullopt;
    return range;
  } catch (const std::logic_error&) {
    return std::nullopt;
  }
}

// The schedules of one kind of store.
struct Simulated {
  const char* store = nullptr;
  std::function<SimulationResult(std::uint64_t seed, bool trace)> run;
  std::function<std::string(std::uint64_t seed)> describe;
};

Simulated Records(MakeProtocol make_protocol) {
  return {.store = "records",
          .run =
              [make_protocol](std::uint64_t seed, bool trace) {
                return Simulate({.seed = seed, .trace = trace, .make_protocol = make_protocol});
              },
          .describe = [](std::uint64_t seed) { return Describe(MakeSchedule(seed)); }};
}

Simulated Etcd(queue::MachineMaker make_machine) {
  return {
      .store = "etcd",
      .run =
          [make_machine](std::uint64_t seed, bool trace) {
            return queue::Simulate({.seed = seed, .trace = trace, .make_machine = make_machine});
          },
      .describe = [](std::uint64_t seed) { return queue::Describe(queue::MakeSchedule(seed)); }};
}

// What is to be run; with a mistake, only the store that knows it. Nothing if there is no such.
std::vector<Simulated> Choose(const Settings& settings) {
  std::vector<Simulated> chosen;
  const bool mutant = !settings.mutant.empty();
  if (settings.store != "etcd") {
    if (!mutant) chosen.push_back(Records(MakeProductionProtocol));
    for (const Mutant& one : AllMutants()) {
      if (settings.mutant == one.name) chosen.push_back(Records(one.make));
    }
  }
  if (settings.store != "records") {
    if (!mutant) chosen.push_back(Etcd(queue::MakeProductionMachine));
    for (const queue::Mutant& one : queue::AllMutants()) {
      if (settings.mutant == one.name) chosen.push_back(Etcd(one.make));
    }
  }
  return chosen;
}

int TellOfNoMutant(const Settings& settings) {
  fmt::print(stderr, "monopod-sim: no mutant is called \"{}\"; there are", settings.mutant);
  for (const Mutant& one : AllMutants()) fmt::print(stderr, " {}", one.name);
  for (const queue::Mutant& one : queue::AllMutants()) fmt::print(stderr, " {}", one.name);
  fmt::print(stderr, "\n");
  return 64;
}

void PrintTrace(const Simulated& simulated, std::uint64_t seed) {
  fmt::print("{}\n", simulated.describe(seed));
  for (const std::string& line : simulated.run(seed, true).trace) fmt::print("{}\n", line);
}

int Run(const SeedRange& seeds, const Settings& settings, const std::vector<Simulated>& stores) {
  const auto start = SteadyClock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(SteadyClock::now() - start).count();
  };
  std::uint64_t schedules = 0;
  std::uint64_t events = 0;
  for (std::uint64_t seed = seeds.from; seed <= seeds.to; ++seed) {
    for (const Simulated& simulated : stores) {
      const SimulationResult result = simulated.run(seed, false);
      ++schedules;
      events += result.events;
      if (settings.trace || result.violation) PrintTrace(simulated, seed);
      if (result.violation) {
        fmt::print("\nseed {} breaks an invariant: {}\nrepeat it with --store {} --seed {}\n", seed,
                   *result.violation, simulated.store, seed);
        return 1;
      }
    }
    if (settings.minutes > 0 && elapsed() >= settings.minutes * 60) break;
  }
  fmt::print("{} schedules, {:.0f} a second, {} events in the mean: no invariant was broken\n",
             schedules, static_cast<double>(schedules) / elapsed(), events / schedules);
  return 0;
}

int Main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Simulates the lock protocol under faults and checks its invariants.");
  app.add_option("--store", settings.store, "\"records\" or \"etcd\" (default: both by turns)")
      ->check(CLI::IsMember({"records", "etcd"}));
  app.add_option("--seed", settings.seed, "Run this schedule only");
  app.add_option("--seeds", settings.seeds, "Run the schedules A..B (default 0..9999)");
  app.add_option("--minutes", settings.minutes, "Run for this long, from the first seed on");
  app.add_option("--mutant", settings.mutant, "Run the protocol with this mistake in it");
  app.add_flag("--trace", settings.trace, "Print what happens, event by event");
  CLI11_PARSE(app, argc, argv);

  SeedRange seeds;
  if (!settings.seeds.empty()) {
    const auto range = ParseRange(settings.seeds);
    if (!range) {
      fmt::print(stderr, "monopod-sim: --seeds takes A..B, two numbers, the smaller one first\n");
      return 64;
    }
    seeds = *range;
  }
  if (settings.minutes > 0 && settings.seeds.empty()) {
    seeds.to = kLastSeed;
  }
  if (settings.seed) seeds = {.from = *settings.seed, .to = *settings.seed};
  const auto stores = Choose(settings);
  return stores.empty() ? TellOfNoMutant(settings) : Run(seeds, settings, stores);
}

}  // namespace
}  // namespace monopod::sim

int main(int argc, char** argv) { return monopod::sim::Main(argc, argv); }
