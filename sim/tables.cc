#include "sim/tables.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <optional>

#include "sim/simulated.h"

namespace monopod::sim {
namespace {

constexpr std::uint64_t kSchedulesPerMutant = 10'000;
constexpr std::uint64_t kSchedulesPerNonPromise = 200'000;

struct Caught {
  std::string by;
  std::uint64_t schedules = 0;
};
std::optional<Caught> Catch(const Simulated& simulated) {
  for (std::uint64_t seed = 0; seed < kSchedulesPerMutant; ++seed) {
    const auto result = simulated.run(seed, false);
    if (result.violation) return Caught{InvariantOf(*result.violation), seed + 1};
  }
  return std::nullopt;
}

std::optional<std::uint64_t> FirstSeed(const NotPromised& one) {
  for (std::uint64_t seed = 0; seed < kSchedulesPerNonPromise; ++seed) {
    if (!one.concerns(seed)) continue;
    const auto result = one.simulated.run(seed, false);
    if (result.violation && result.violation->starts_with(one.found)) return seed;
  }
  return std::nullopt;
}

}  // namespace

bool PrintMutants(const std::string& store) {
  const double start = CpuSeconds();
  int missed = 0;
  int count = 0;
  fmt::print("| mutant | protocol | the mistake | caught by | schedules | CPU seconds |\n");
  fmt::print("|---|---|---|---|---|---|\n");
  for (const Mistaken& one : AllMistaken(store)) {
    const double began = CpuSeconds();
    const auto caught = Catch(one.simulated);
    ++count;
    if (!caught) ++missed;
    fmt::print("| `{}` | {} | {} | {} | {} | {:.2f} |\n", one.name, one.simulated.store,
               one.mistake, caught ? caught->by : "**nothing**",
               caught ? caught->schedules : kSchedulesPerMutant, CpuSeconds() - began);
    std::fflush(stdout);
  }
  fmt::print("\n{} mutants, {} not caught, {:.1f} s of CPU time\n", count, missed,
             CpuSeconds() - start);
  return missed == 0;
}

bool PrintNotPromised(const std::string& store) {
  bool all = true;
  fmt::print("| not promised | protocol | seed |\n|---|---|---|\n");
  for (const NotPromised& one : AllNotPromised(store)) {
    const auto seed = FirstSeed(one);
    all = all && seed;
    fmt::print("| {} (`{}`) | {} | {} |\n", one.says, one.name, one.simulated.store,
               seed ? std::to_string(*seed) : "**none**");
    std::fflush(stdout);
  }
  return all;
}

}  // namespace monopod::sim
