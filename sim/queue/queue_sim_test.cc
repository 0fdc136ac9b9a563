// The invariants of the queue in etcd as a property of random schedules, and proof that the
// checkers can fail. For more schedules, run monopod-sim.
#include <gtest/gtest.h>

#include "sim/queue/machine_under_test.h"
#include "sim/queue/non_promises.h"
#include "sim/queue/simulation.h"

namespace monopod::sim::queue {
namespace {

constexpr std::uint64_t kSchedules = 300;
constexpr std::uint64_t kSchedulesPerMutant = 10'000;
constexpr std::uint64_t kSchedulesPerNonPromise = 200'000;

TEST(QueueSimulationTest, NoScheduleBreaksAnInvariant) {
  for (std::uint64_t seed = 0; seed < kSchedules; ++seed) {
    const SimulationResult result = Simulate({.seed = seed});
    ASSERT_FALSE(result.violation.has_value())
        << "seed " << seed << ": " << *result.violation << "\nmonopod-sim --store etcd --seed "
        << seed << " shows what happens";
  }
}

// In this seed a claim gives up when its answer is late, without any fault, and leaves a marker.
// The next one reads and writes more than an undisturbed one, to tidy it away, and was blamed for
// that.
TEST(QueueSimulationTest, WhatAClaimWithoutAnAnswerLeftIsNoCostOfTheNext) {
  EXPECT_EQ(Simulate({.seed = 2'012'412}).violation, std::nullopt);
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

INSTANTIATE_TEST_SUITE_P(All, QueueMutantTest, testing::ValuesIn(AllMutants()),
                         [](const auto& named) {
                           std::string name = named.param.name;
                           std::erase(name, '-');
                           return name;
                         });

class QueueNonPromiseTest : public testing::TestWithParam<NonPromise> {};

TEST_P(QueueNonPromiseTest, IsShownByASchedule) {
  for (std::uint64_t seed = 0; seed < kSchedulesPerNonPromise; ++seed) {
    if (!GetParam().concerns(MakeSchedule(seed))) continue;
    const auto result = Simulate({.seed = seed, .judged = GetParam().judged});
    if (result.violation && result.violation->starts_with(GetParam().found)) return;
  }
  FAIL() << "no schedule shows that this is not so: " << GetParam().says;
}

INSTANTIATE_TEST_SUITE_P(All, QueueNonPromiseTest,
                         testing::ValuesIn(AllNonPromises().begin(), AllNonPromises().end()),
                         [](const auto& named) {
                           std::string name = named.param.name;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace monopod::sim::queue
