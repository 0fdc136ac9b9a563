// Runs schedules of the lock protocol and stops at the first one that breaks an invariant.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "sim/simulated.h"
#include "sim/tables.h"

namespace monopod::sim {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct Settings {
  std::string store;
  std::optional<std::uint64_t> seed;
  std::string seeds;
  double minutes = 0;
  std::string mutant;
  bool mutants = false;
  std::string not_promised;
  bool trace = false;
};

constexpr std::uint64_t kLastSeed = std::numeric_limits<std::uint64_t>::max() - 1;
// Of so many schedules one is run twice, and must be the same.
constexpr std::uint64_t kRepeatedShare = 64;

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

// What is to be run; with a mistake, or with what is not promised, only the store that knows it.
// Nothing if there is no such.
std::vector<Simulated> Choose(const Settings& settings) {
  std::vector<Simulated> chosen;
  if (!settings.mutant.empty()) {
    for (const Mistaken& one : AllMistaken(settings.store)) {
      if (settings.mutant == one.name) chosen.push_back(one.simulated);
    }
  } else if (!settings.not_promised.empty()) {
    for (const NotPromised& one : AllNotPromised(settings.store)) {
      if (settings.not_promised == one.name) chosen.push_back(one.simulated);
    }
  } else {
    chosen = Production(settings.store);
  }
  return chosen;
}

int TellOfNames(const Settings& settings) {
  std::string names;
  if (!settings.mutant.empty()) {
    for (const Mistaken& one : AllMistaken({})) names += " " + one.name;
    fmt::print(stderr, "monopod-sim: no mutant is called \"{}\"; there are{}\n", settings.mutant,
               names);
  } else {
    for (const NotPromised& one : AllNotPromised({})) names += " " + one.name;
    fmt::print(stderr, "monopod-sim: --not-promised knows \"all\" and{}, not \"{}\"\n", names,
               settings.not_promised);
  }
  return 64;
}

void PrintTrace(const Simulated& simulated, std::uint64_t seed) {
  fmt::print("{}\n", simulated.describe(seed));
  for (const std::string& line : simulated.run(seed, true).trace) fmt::print("{}\n", line);
}

// The schedules of one store that were run.
struct Tally {
  std::uint64_t schedules = 0;
  std::uint64_t events = 0;
  std::uint64_t repeated = 0;
  double seconds = 0;  // of CPU time
};

double SecondsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

void PrintTally(const Simulated& simulated, const Tally& tally) {
  fmt::print(
      "{}: {} schedules, {:.0f} a second of CPU time, {} events in the mean, {} of them run "
      "twice\n",
      simulated.store, tally.schedules,
      static_cast<double>(tally.schedules + tally.repeated) / tally.seconds,
      tally.events / std::max<std::uint64_t>(tally.schedules, 1), tally.repeated);
}

// False if something is wrong, and then says it.
bool RunOne(const Simulated& simulated, std::uint64_t seed, const Settings& settings,
            Tally& tally) {
  const double start = CpuSeconds();
  const SimulationResult result = simulated.run(seed, false);
  ++tally.schedules;
  tally.events += result.events;
  bool same = true;
  if (seed % kRepeatedShare == 0) {
    const SimulationResult again = simulated.run(seed, true);
    same = again.hash == result.hash && again.events == result.events;
    ++tally.repeated;
  }
  tally.seconds += CpuSeconds() - start;
  if (settings.trace || result.violation) PrintTrace(simulated, seed);
  if (result.violation) {
    const std::string judged =
        settings.not_promised.empty() ? "" : " --not-promised " + settings.not_promised;
    fmt::print("\nseed {} breaks an invariant: {}\nrepeat it with --store {}{} --seed {}\n", seed,
               *result.violation, simulated.store, judged, seed);
    return false;
  }
  if (!same) fmt::print("\nseed {} of {} does not repeat itself\n", seed, simulated.store);
  return same;
}

int Run(const SeedRange& seeds, const Settings& settings, const std::vector<Simulated>& stores) {
  const auto start = SteadyClock::now();
  std::vector<Tally> tallies(stores.size());
  for (std::uint64_t seed = seeds.from; seed <= seeds.to; ++seed) {
    for (std::size_t store = 0; store < stores.size(); ++store) {
      if (!RunOne(stores[store], seed, settings, tallies[store])) return 1;
    }
    if (settings.minutes > 0 && SecondsSince(start) >= settings.minutes * 60) break;
  }
  for (std::size_t store = 0; store < stores.size(); ++store) {
    PrintTally(stores[store], tallies[store]);
  }
  fmt::print("no invariant was broken\n");
  return 0;
}

void AddOptions(CLI::App& app, Settings& settings) {
  app.add_option("--store", settings.store, "\"records\" or \"etcd\" (default: both by turns)")
      ->check(CLI::IsMember({"records", "etcd"}));
  app.add_option("--seed", settings.seed, "Run this schedule only");
  app.add_option("--seeds", settings.seeds, "Run the schedules A..B (default 0..9999)");
  app.add_option("--minutes", settings.minutes, "Run for this long, from the first seed on");
  app.add_option("--mutant", settings.mutant, "Run the protocol with this mistake in it");
  app.add_flag("--mutants", settings.mutants,
               "Print for each known mistake what catches it; fail if nothing does");
  app.add_option("--not-promised", settings.not_promised,
                 "Judge what is not promised all the same; \"all\" finds a seed for each");
  app.add_flag("--trace", settings.trace, "Print what happens, event by event");
}

int Main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Simulates the lock protocol under faults and checks its invariants.");
  AddOptions(app, settings);
  CLI11_PARSE(app, argc, argv);

  if (settings.mutants) return PrintMutants(settings.store) ? 0 : 1;
  if (settings.not_promised == "all") return PrintNotPromised(settings.store) ? 0 : 1;
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
  return stores.empty() ? TellOfNames(settings) : Run(seeds, settings, stores);
}

}  // namespace
}  // namespace monopod::sim

int main(int argc, char** argv) { return monopod::sim::Main(argc, argv); }
