// Runs schedules of the lock protocol and stops at the first one that breaks an invariant.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "sim/simulation.h"

namespace monopod::sim {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct Settings {
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

void PrintTrace(const SimulationResult& result, std::uint64_t seed) {
  fmt::print("{}\n", Describe(MakeSchedule(seed)));
  for (const std::string& line : result.trace) fmt::print("{}\n", line);
}

int Run(const SeedRange& seeds, const Settings& settings, MakeProtocol make_protocol) {
  const auto start = SteadyClock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(SteadyClock::now() - start).count();
  };
  std::uint64_t schedules = 0;
  std::uint64_t events = 0;
  for (std::uint64_t seed = seeds.from; seed <= seeds.to; ++seed) {
    const SimulationResult result =
        Simulate({.seed = seed, .trace = settings.trace, .make_protocol = make_protocol});
    ++schedules;
    events += result.events;
    if (settings.trace) PrintTrace(result, seed);
    if (result.violation) {
      if (!settings.trace) {
        PrintTrace(Simulate({.seed = seed, .trace = true, .make_protocol = make_protocol}), seed);
      }
      fmt::print("\nseed {} breaks an invariant: {}\nrepeat it with --seed {}\n", seed,
                 *result.violation, seed);
      return 1;
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
  MakeProtocol make_protocol = MakeProductionProtocol;
  for (const Mutant& mutant : AllMutants()) {
    if (settings.mutant == mutant.name) make_protocol = mutant.make;
  }
  if (!settings.mutant.empty() && make_protocol == MakeProductionProtocol) {
    fmt::print(stderr, "monopod-sim: no mutant is called \"{}\"; there are", settings.mutant);
    for (const Mutant& mutant : AllMutants()) fmt::print(stderr, " {}", mutant.name);
    fmt::print(stderr, "\n");
    return 64;
  }
  return Run(seeds, settings, make_protocol);
}

}  // namespace
}  // namespace monopod::sim

int main(int argc, char** argv) { return monopod::sim::Main(argc, argv); }
