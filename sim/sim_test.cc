// The invariants of the lock protocol as a property of thousands of random schedules, and proof
// that the checkers can fail. For more schedules, run monopod-sim.
#include <gtest/gtest.h>

#include "sim/protocol_under_test.h"
#include "sim/simulation.h"

namespace monopod::sim {
namespace {

constexpr std::uint64_t kSchedules = 4'000;
constexpr std::uint64_t kSchedulesPerMutant = 10'000;

TEST(SimulationTest, NoScheduleBreaksAnInvariant) {
  for (std::uint64_t seed = 0; seed < kSchedules; ++seed) {
    const SimulationResult result = Simulate({.seed = seed});
    ASSERT_FALSE(result.violation.has_value())
        << "seed " << seed << ": " << *result.violation << "\nmonopod-sim --seed " << seed
        << " shows what happens";
  }
}

TEST(SimulationTest, TheSameSeedGivesTheSameTrace) {
  std::uint64_t last_hash = 0;
  for (std::uint64_t seed = 0; seed < kSchedules; seed += 20) {
    const SimulationResult first = Simulate({.seed = seed});
    const SimulationResult second = Simulate({.seed = seed, .trace = true});
    ASSERT_EQ(first.hash, second.hash) << "seed " << seed;
    ASSERT_EQ(first.events, second.events) << "seed " << seed;
    ASSERT_NE(first.hash, last_hash) << "seed " << seed;
    last_hash = first.hash;
  }
}

class MutantTest : public testing::TestWithParam<Mutant> {};

TEST_P(MutantTest, IsCaught) {
  std::uint64_t seed = 0;
  while (seed < kSchedulesPerMutant) {
    if (Simulate({.seed = seed, .make_protocol = GetParam().make}).violation) return;
    ++seed;
  }
  FAIL() << "no schedule shows that this is wrong: " << GetParam().mistake;
}

INSTANTIATE_TEST_SUITE_P(All, MutantTest,
                         testing::ValuesIn(AllMutants().begin(), AllMutants().end()),
                         [](const auto& named) {
                           std::string name = named.param.name;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace monopod::sim
