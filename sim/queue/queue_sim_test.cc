// The queue's invariants as a property of thousands of random schedules on a simulated etcd, and
// proof that the checkers can fail. For more schedules, run monopod-sim --store etcd.
#include <gtest/gtest.h>

#include "sim/queue/simulation.h"

namespace monopod::sim::queue {
namespace {

constexpr std::uint64_t kSchedules = 200;
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
  for (std::uint64_t seed = 0; seed < kSchedules; seed += 20) {
    const SimulationResult first = Simulate({.seed = seed});
    const SimulationResult second = Simulate({.seed = seed, .trace = true});
    ASSERT_EQ(first.hash, second.hash) << "seed " << seed;
    ASSERT_EQ(first.events, second.events) << "seed " << seed;
  }
}

class QueueMutantTest : public testing::TestWithParam<Mutant> {};

TEST_P(QueueMutantTest, IsCaught) {
  for (std::uint64_t seed = 0; seed < kSchedulesPerMutant; ++seed) {
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
