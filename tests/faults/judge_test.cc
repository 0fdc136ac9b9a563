#include "tests/faults/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace monopod::faults {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What two clients told, line by line.
class JudgeTest : public ::testing::Test {
 protected:
  void Tell(Scribe& scribe, const std::vector<std::string>& lines) {
    for (const std::string& line : lines) EXPECT_TRUE(scribe.Note(line)) << line;
  }
  HoldJudgement Holds(const HoldRules& rules = {.lock = "x"}) const {
    return JudgeHolds(record_, rules);
  }

  Record record_;
  Scribe first_{&record_};
  Scribe second_{&record_};
};

TEST_F(JudgeTest, HoldsOneAfterTheOtherAreInOrder) {
  Tell(first_, {"invoke 0", "held 1000000000 7", "over 2000000000", "released 2100000000"});
  Tell(second_, {"invoke 0", "held 2050000000 9", "over 3000000000", "released 3100000000"});
  const HoldJudgement judgement = Holds();
  EXPECT_THAT(judgement.violations, IsEmpty());
  EXPECT_EQ(judgement.overlaps, 0);
  EXPECT_EQ(judgement.longest_gap, 50ms);
}

TEST_F(JudgeTest, WorkThatOverlapsIsAViolation) {
  Tell(first_, {"invoke 0", "held 10 7", "over 30", "kept 40"});
  Tell(second_, {"invoke 0", "held 20 9", "over 50", "released 60"});
  const HoldJudgement judgement = Holds();
  EXPECT_EQ(judgement.overlaps, 1);
  EXPECT_THAT(judgement.violations,
              ElementsAre(HasSubstr("work of 1 holds overlaps"), HasSubstr("not linearizable")));
  EXPECT_THAT(Holds({.lock = "x", .slots = 2}).violations, IsEmpty());
}

TEST_F(JudgeTest, WhereWorkNeedNotEndInTimeTheTokensAreJudged) {
  Tell(first_, {"invoke 0", "held 10 7", "over 30", "kept 40"});
  Tell(second_, {"invoke 15", "held 20 9", "over 50", "released 60"});
  const HoldRules rules{.lock = "x", .work_ends_in_time = false};
  EXPECT_EQ(Holds(rules).overlaps, 1);
  EXPECT_THAT(Holds(rules).violations, IsEmpty());
  record_.holds[1].token = 6;
  EXPECT_THAT(Holds(rules).violations, ElementsAre(HasSubstr("not linearizable")));
}

TEST_F(JudgeTest, WhoIsKilledHasWorkedUntilThen) {
  Tell(first_, {"invoke 0", "held 10 7"});
  first_.End(100ns);
  Tell(second_, {"invoke 0", "held 90 9", "over 120"});
  EXPECT_EQ(Holds().overlaps, 1);
}

TEST_F(JudgeTest, ACommandThatWasKilledHasWorkedUntilItsLastBeat) {
  Tell(first_, {"held 10 7", "beat 30", "beat 50"});
  first_.End({});
  Tell(second_, {"held 60 9", "over 70"});
  EXPECT_EQ(Holds().overlaps, 0);
  EXPECT_EQ(record_.holds[0].over, 50ns);
  Tell(second_, {"overlap 60"});
  EXPECT_EQ(Holds().overlaps, 1);  // the kernel saw what no beat told
}

TEST_F(JudgeTest, AnAcknowledgedElementThatIsNotThereIsLost) {
  Tell(first_, {"held 10 7", "read 11 12 0", "write 1 13", "wrote 14 done", "over 15"});
  Tell(second_, {"held 20 9", "read 21 22 1", "write 2 23", "wrote 24 done", "over 25"});
  EXPECT_THAT(JudgeSet(record_, {1, 2}).violations, IsEmpty());
  const SetJudgement judgement = JudgeSet(record_, {2});
  EXPECT_EQ(judgement.acknowledged, 2);
  EXPECT_EQ(judgement.lost, 1);
  EXPECT_THAT(judgement.violations, ElementsAre(HasSubstr("element 1 was added")));
}

TEST_F(JudgeTest, WhatWasRefusedMustNotBeThereAndWhatIsUnknownMay) {
  Tell(first_, {"held 10 7", "write 1 13", "wrote 14 refused", "write 2 15", "wrote 16 unknown"});
  EXPECT_THAT(JudgeSet(record_, {}).violations, IsEmpty());
  EXPECT_THAT(JudgeSet(record_, {2}).violations, IsEmpty());
  EXPECT_THAT(JudgeSet(record_, {1}).violations, ElementsAre(HasSubstr("was refused")));
}

TEST_F(JudgeTest, AWriteOfAnEarlierTokenAfterALaterOneIsAViolation) {
  Tell(first_, {"held 10 7", "read 11 12 0", "write 1 40", "wrote 50 done"});
  Tell(second_, {"held 20 9", "write 2 23", "wrote 24 done", "over 25"});
  EXPECT_THAT(JudgeSet(record_, {1, 2}).violations, ElementsAre(HasSubstr("not linearizable")));
}

TEST_F(JudgeTest, AnUnknownLineIsTold) {
  EXPECT_FALSE(first_.Note("hold 10 7"));
  EXPECT_FALSE(first_.Note("held ten 7"));
}

}  // namespace
}  // namespace monopod::faults
