// The invariants of the lock protocol as a property of random schedules, and proof that the
// checkers can fail. For more schedules, run monopod-sim.
#include <gtest/gtest.h>

#include "sim/non_promises.h"
#include "sim/protocol_under_test.h"
#include "sim/simulation.h"

namespace monopod::sim {
namespace {

constexpr std::uint64_t kSchedules = 1'000;
constexpr std::uint64_t kSchedulesPerMutant = 10'000;
constexpr std::uint64_t kSchedulesPerNonPromise = 200'000;

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

// Whatever the swarm leaves out in one schedule, another has.
TEST(SimulationTest, EachClassOfFaultIsDrawn) {
  const auto is_drawn = [](const auto fault) {
    std::uint64_t seed = 0;
    while (seed < 500 && !(MakeSchedule(seed).faults.*fault > 0)) ++seed;
    return seed < 500;
  };
  for (const auto fault :
       {&Faults::lost_request, &Faults::lost_reply, &Faults::late_write,   &Faults::lost_hint,
        &Faults::stall,        &Faults::crash,      &Faults::partition,    &Faults::outage,
        &Faults::disk_full,    &Faults::busy,       &Faults::denied,       &Faults::breaks,
        &Faults::deletion,     &Faults::resize,     &Faults::suspend,      &Faults::power_loss,
        &Faults::duplicate,    &Faults::late_news,  &Faults::broken_watch, &Faults::annotation,
        &Faults::pause}) {
    EXPECT_TRUE(is_drawn(fault));
  }
  EXPECT_TRUE(is_drawn(&Faults::foreign));
}

class MutantTest : public testing::TestWithParam<Mutant> {};

// From the first seed on, or from one at which it was once caught.
TEST_P(MutantTest, IsCaught) {
  for (std::uint64_t number = 0; number < kSchedulesPerMutant; ++number) {
    const std::uint64_t seed = (GetParam().caught_at + number) % kSchedulesPerMutant;
    if (Simulate({.seed = seed, .make_protocol = GetParam().make}).violation) return;
  }
  FAIL() << "no schedule shows that this is wrong: " << GetParam().mistake;
}

INSTANTIATE_TEST_SUITE_P(All, MutantTest, testing::ValuesIn(AllMutants()), [](const auto& named) {
  std::string name = named.param.name;
  std::erase(name, '-');
  return name;
});

class NonPromiseTest : public testing::TestWithParam<NonPromise> {};

TEST_P(NonPromiseTest, IsShownByASchedule) {
  for (std::uint64_t seed = 0; seed < kSchedulesPerNonPromise; ++seed) {
    if (!GetParam().concerns(MakeSchedule(seed))) continue;
    const auto result = Simulate({.seed = seed, .judged = GetParam().judged});
    if (result.violation && result.violation->starts_with(GetParam().found)) return;
  }
  FAIL() << "no schedule shows that this is not so: " << GetParam().says;
}

INSTANTIATE_TEST_SUITE_P(All, NonPromiseTest,
                         testing::ValuesIn(AllNonPromises().begin(), AllNonPromises().end()),
                         [](const auto& named) {
                           std::string name = named.param.name;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace monopod::sim
