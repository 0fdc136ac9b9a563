// The invariants of the queue in etcd as a property of random schedules, and proof that the
// checkers can fail. For more schedules, run monopod-sim.
#include <gtest/gtest.h>

#include "sim/queue/machine_under_test.h"
#include "sim/queue/simulation.h"

namespace monopod::sim::queue {
namespace {

constexpr std::uint64_t kSchedules = 600;
constexpr std::uint64_t kSchedulesPerMutant = 10'000;

TEST(QueueSimulationTest, NoScheduleBreaksAnInvariant) {
  for (std::uint64_t seed = 0; seed < kSchedules; ++seed) {
    const SimulationResult result = Simulate({.seed = seed});
    ASSERT_FALSE(result.violation.has_value())
        << "seed " << seed << ": " << *result.violation << "\nmonopod-sim --store etcd --seed "
        << seed << " shows what happens";
  }
}

TEST(QueueSimulationTest, TheSameSeedGivesTheSameTrace) {
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

class QueueMutantTest : public testing::TestWithParam<Mutant> {};

// From the first seed on, or from one at which it was once caught.
TEST_P(QueueMutantTest, IsCaught) {
  for (std::uint64_t number = 0; number < kSchedulesPerMutant; ++number) {
    const std::uint64_t seed = (GetParam().caught_at + number) % kSchedulesPerMutant;
    if (Simulate({.seed = seed, .make_machine = GetParam().make}).violation) return;
  }
  FAIL() << "no schedule shows that this is wrong: " << GetParam().mistake;
}

INSTANTIATE_TEST_SUITE_P(All, QueueMutantTest,
                         testing::ValuesIn(AllMutants().begin(), AllMutants().end()),
                         [](const auto& named) {
                           std::string name = named.param.name;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace monopod::sim::queue
