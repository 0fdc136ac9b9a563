#include "tests/history/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/random.h"
#include "tests/history/brute_force.h"

namespace monopod::history {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using ::testing::HasSubstr;

struct Span {
  nanoseconds invoked{0};
  std::optional<nanoseconds> returned;
};

Operation Acquire(std::uint64_t owner, Span span, std::uint64_t token = 0) {
  return {.key = "x",
          .action = Action::kAcquire,
          .owner = owner,
          .token = token,
          .invoked = span.invoked,
          .returned = span.returned};
}
Operation Release(std::uint64_t owner, Span span) {
  Operation operation = Acquire(owner, span);
  operation.action = Action::kRelease;
  return operation;
}
Operation Write(std::uint64_t value, std::uint64_t token, Span span) {
  return {.key = "x",
          .action = Action::kWrite,
          .token = token,
          .value = value,
          .invoked = span.invoked,
          .returned = span.returned};
}
Operation Read(std::uint64_t value, Span span) {
  Operation operation = Write(value, 0, span);
  operation.action = Action::kRead;
  return operation;
}

Verdict VerdictOf(const History& history, Model model) { return Check(history, model).verdict; }

TEST(CheckerTest, NothingDoneIsLinearizable) {
  EXPECT_EQ(VerdictOf({}, Mutex), Verdict::kLinearizable);
}

TEST(CheckerTest, TwoHoldersAtOnceAreAViolationThatIsExplained) {
  const Finding finding =
      Check({Acquire(1, {0s, 1s}), Acquire(2, {2s, 3s}), Release(1, {4s, 5s})}, OwnedMutex);
  EXPECT_EQ(finding.verdict, Verdict::kViolation);
  EXPECT_THAT(finding.explanation, HasSubstr("took 1 of 3"));
  EXPECT_THAT(finding.explanation, HasSubstr("acquire x owner=2 [2.000000, 3.000000]"));
}

TEST(CheckerTest, AnAcquireMayTakeEffectAfterTheReleaseThatItOverlaps) {
  EXPECT_EQ(
      VerdictOf({Acquire(1, {0s, 1s}), Acquire(2, {2s, 5s}), Release(1, {3s, 4s})}, OwnedMutex),
      Verdict::kLinearizable);
}

TEST(CheckerTest, WhatWasAnsweredAtTheMomentOfACallMayComeAfterIt) {
  EXPECT_EQ(VerdictOf({Acquire(1, {0s, 1s}), Release(1, {2s, 3s}), Acquire(2, {1s, 2s})}, Mutex),
            Verdict::kLinearizable);
}

TEST(CheckerTest, AnUnansweredReleaseMayTakeEffectAtAnyTimeOrNever) {
  const Operation open = Release(1, {2s, {}});
  EXPECT_EQ(VerdictOf({Acquire(1, {0s, 1s}), open, Acquire(2, {100s, 101s})}, OwnedMutex),
            Verdict::kLinearizable);
  EXPECT_EQ(VerdictOf({Acquire(1, {0s, 1s}), open}, OwnedMutex), Verdict::kLinearizable);
  // But not before it was called.
  EXPECT_EQ(VerdictOf({Acquire(1, {0s, 1s}), Acquire(2, {1500ms, 1600ms}), open}, OwnedMutex),
            Verdict::kViolation);
}

TEST(CheckerTest, AnotherOwnersReleaseFreesNothing) {
  const History history = {Acquire(1, {0s, 1s}), Release(2, {2s, 3s})};
  EXPECT_EQ(VerdictOf(history, Mutex), Verdict::kLinearizable);
  EXPECT_EQ(VerdictOf(history, OwnedMutex), Verdict::kViolation);
}

TEST(CheckerTest, ATokenThatDoesNotRiseIsAViolation) {
  EXPECT_EQ(VerdictOf({Acquire(1, {0s, 1s}, 7), Release(1, {2s, 3s}), Acquire(2, {4s, 5s}, 7)},
                      FencedMutex),
            Verdict::kViolation);
  EXPECT_EQ(VerdictOf({Acquire(1, {0s, 1s}, 7), Release(1, {2s, 3s}), Acquire(2, {4s, 5s}, 9)},
                      FencedMutex),
            Verdict::kLinearizable);
}

TEST(CheckerTest, AnUnansweredAcquireUsesUpAToken) {
  const History history = {Acquire(1, {0s, 1s}, 7), Release(1, {2s, 3s}), Acquire(2, {4s, {}}),
                           Release(2, {5s, 6s}), Acquire(3, {7s, 8s}, 8)};
  EXPECT_EQ(VerdictOf(history, FencedMutex), Verdict::kViolation);
}

TEST(CheckerTest, AWriteWithALowerTokenThanOneSeenMustBeRefused) {
  Operation late = Write(3, 1, {4s, 5s});
  const History before = {Write(1, 1, {0s, 1s}), Write(2, 2, {2s, 3s})};
  History history = before;
  history.push_back(late);
  EXPECT_EQ(VerdictOf(history, FencedRegister), Verdict::kViolation);
  history.back().refused = true;
  EXPECT_EQ(VerdictOf(history, FencedRegister), Verdict::kLinearizable);
  history.push_back(Read(3, {6s, 7s}));
  EXPECT_EQ(VerdictOf(history, FencedRegister), Verdict::kViolation);
}

TEST(CheckerTest, AnUnansweredWriteMayBeReadOrNot) {
  for (const std::uint64_t value : {1U, 2U}) {
    EXPECT_EQ(VerdictOf({Write(1, 1, {0s, 1s}), Write(2, 1, {2s, {}}), Read(value, {3s, 4s})},
                        FencedRegister),
              Verdict::kLinearizable);
  }
  // Once read it stays.
  EXPECT_EQ(VerdictOf({Write(1, 1, {0s, 1s}), Write(2, 1, {2s, {}}), Read(2, {3s, 4s}),
                       Read(1, {5s, 6s})},
                      FencedRegister),
            Verdict::kViolation);
}

TEST(CheckerTest, KeysAreIndependent) {
  Operation other = Acquire(2, {2s, 3s});
  other.key = "y";
  EXPECT_EQ(VerdictOf({Acquire(1, {0s, 1s}), other}, Mutex), Verdict::kLinearizable);
}

TEST(CheckerTest, WhatExceedsTheBudgetIsUndecided) {
  History history;
  for (std::uint64_t value = 1; value <= 12; ++value) {
    history.push_back(Write(value, 1, {0s, 10s}));
  }
  history.push_back(Read(99, {11s, 12s}));
  const Finding finding = Check(history, FencedRegister, {.configurations = 100});
  EXPECT_EQ(finding.verdict, Verdict::kUndecided);
  EXPECT_THAT(finding.explanation, HasSubstr("undecided"));
}

TEST(CheckerTest, ALongHistoryIsDecidedAtOnce) {
  History history;
  for (std::uint64_t hold = 1; hold <= 300; ++hold) {
    const auto begin = static_cast<std::int64_t>(hold) * 10s;
    // Everybody waits from the beginning of a hundred holds on.
    const auto called = static_cast<std::int64_t>((hold - 1) / 100) * 1000s;
    history.push_back(Acquire(hold, {called, begin + 1s}, hold));
    history.push_back(Release(hold, {begin + 8s, hold % 3 == 0 ? Span{}.returned : begin + 9s}));
  }
  EXPECT_EQ(VerdictOf(history, FencedMutex), Verdict::kLinearizable);
  history[300].token = 1;
  EXPECT_EQ(VerdictOf(history, FencedMutex), Verdict::kViolation);
}

// ---- Against the definition.

History RandomHistory(sim::Random& random, Model model) {
  History history;
  const std::uint64_t count = 1 + random.Below(6);
  for (std::uint64_t i = 0; i < count; ++i) {
    Operation operation{.key = "x"};
    const bool first = random.Chance(0.5);
    if (model == FencedRegister) {
      operation.action = first ? Action::kWrite : Action::kRead;
      operation.value = random.Below(3);
      operation.refused = first && random.Chance(0.2);
    } else {
      operation.action = first ? Action::kAcquire : Action::kRelease;
      operation.owner = 1 + random.Below(2);
    }
    operation.invoked = nanoseconds(random.Below(12));
    operation.returned = operation.invoked + nanoseconds(random.Below(6));
    if (random.Chance(0.2)) operation.returned.reset();
    // A reply that did not come has told no token.
    if (operation.returned || model == FencedRegister) operation.token = 1 + random.Below(4);
    history.push_back(operation);
  }
  return history;
}

std::string Text(const History& history) {
  std::string text;
  for (const Operation& operation : history) text += "\n  " + ToText(operation);
  return text;
}

void ExpectAgreement(Model model) {
  constexpr std::uint64_t kSeeds = 10'000;
  std::uint64_t linearizable = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    sim::Random random(seed);
    const History history = RandomHistory(random, model);
    const bool expected = IsLinearizableByBruteForce(history, model);
    const Finding finding = Check(history, model);
    ASSERT_EQ(finding.verdict, expected ? Verdict::kLinearizable : Verdict::kViolation)
        << "seed " << seed << Text(history) << "\n"
        << finding.explanation;
    linearizable += expected ? 1 : 0;
  }
  // Else it would compare little.
  EXPECT_GT(linearizable, kSeeds / 20);
  EXPECT_LT(linearizable, kSeeds - kSeeds / 20);
}

TEST(CheckerTest, AgreesWithBruteForceOnMutexes) { ExpectAgreement(Mutex); }
TEST(CheckerTest, AgreesWithBruteForceOnMutexesWithOwners) { ExpectAgreement(OwnedMutex); }
TEST(CheckerTest, AgreesWithBruteForceOnFencedMutexes) { ExpectAgreement(FencedMutex); }
TEST(CheckerTest, AgreesWithBruteForceOnFencedRegisters) { ExpectAgreement(FencedRegister); }

}  // namespace
}  // namespace monopod::history
