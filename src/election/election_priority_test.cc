#include "tests/support/election_harness.h"

namespace monopod {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(ElectionTest, APreferredCandidateReplacesTheLeader) {
  auto ordinary = Join({.name = "ordinary", .priority = 0});
  ASSERT_TRUE(scene_.AwaitWorkOf("ordinary"));
  std::vector<std::unique_ptr<Candidate>> others;
  for (int i = 0; i < 4; ++i) {
    others.push_back(Join({.name = "other" + std::to_string(i), .priority = 0}));
  }
  auto preferred = Join({.name = "preferred", .priority = 10});
  ASSERT_TRUE(scene_.AwaitWorkOf("preferred"));
  EXPECT_EQ(ordinary->LastEnd(), LeadershipEnd::kPreferred);

  // Back again.
  preferred->Stop();
  EXPECT_TRUE(scene_.Await([&] { return !scene_.at_work.empty(); }));
}

TEST_F(ElectionTest, AfterTheLeaderThePreferredCandidateLeads) {
  auto leader = Join({.name = "leader", .priority = 10});
  ASSERT_TRUE(scene_.AwaitWorkOf("leader"));
  std::vector<std::unique_ptr<Candidate>> others;
  for (int i = 0; i < 4; ++i) {
    others.push_back(Join({.name = "other" + std::to_string(i), .priority = 0}));
  }
  auto second = Join({.name = "second", .priority = 5});
  ASSERT_TRUE(AwaitAnnouncementOf("second"));
  for (const auto& other : others) ASSERT_TRUE(other->AwaitLooks());
  leader->Stop();
  ASSERT_TRUE(scene_.AwaitWorkOf("second"));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(scene_.Count("other" + std::to_string(i) + " begins"), 0);
}

TEST_F(ElectionTest, TheMostPreferredOneWinsInTheEnd) {
  std::vector<std::unique_ptr<Candidate>> candidates;
  for (const int priority : {1, 3, 2}) {
    candidates.push_back(Join({.name = "p" + std::to_string(priority), .priority = priority}));
  }
  EXPECT_TRUE(scene_.AwaitWorkOf("p3"));
}

TEST_F(ElectionTest, EqualsLeaveEachOtherAlone) {
  auto first = Join({.name = "first", .priority = 5});
  ASSERT_TRUE(scene_.AwaitWorkOf("first"));
  auto second = Join({.name = "second", .priority = 5});
  ASSERT_TRUE(scene_.AwaitLine("second sees first"));
  ASSERT_TRUE(AwaitAnnouncementOf("second"));
  ASSERT_TRUE(first->AwaitLooks(5)) << "two are enough to step down";
  EXPECT_EQ(scene_.Count("second begins"), 0);
  EXPECT_EQ(first->LastEnd(), LeadershipEnd::kNone);
}

TEST_F(ElectionTest, OneThatDiedWhileItWaitedKeepsNobodyOut) {
  auto leader = Join({.name = "leader", .priority = 10});
  ASSERT_TRUE(scene_.AwaitWorkOf("leader"));
  auto dead = Join({.name = "dead", .priority = 5});
  auto other = Join({.name = "other", .priority = 0});
  ASSERT_TRUE(AwaitAnnouncementOf("dead"));
  ASSERT_TRUE(other->AwaitLooks());
  dead->faults().down = true;
  leader->Stop();
  EXPECT_TRUE(scene_.AwaitWorkOf("other"));
}

TEST_F(ElectionTest, APreferredOneThatResignedAsksNobodyToMakeWayForATtl) {
  auto preferred = Join({.name = "preferred", .priority = 10});
  ASSERT_TRUE(scene_.AwaitWorkOf("preferred"));
  auto other = Join({.name = "other", .priority = 0});
  ASSERT_TRUE(scene_.AwaitLine("other sees preferred"));
  const BootTime resigned = BootClock::now();
  preferred->Resign();
  ASSERT_TRUE(scene_.AwaitWorkOf("other"));
  ASSERT_TRUE(AwaitAnnouncementOf("preferred"));
  EXPECT_GE(BootClock::now(), resigned + kTtl);
}

TEST_F(ElectionTest, AnAnnouncementIsRenewedOftenHoweverLongTheTtl) {
  auto leader = Join({.name = "leader", .priority = 10, .ttl = std::chrono::hours(1)});
  ASSERT_TRUE(scene_.AwaitWorkOf("leader"));
  auto second = Join({.name = "second", .priority = 5, .ttl = std::chrono::hours(1)});
  ASSERT_TRUE(AwaitAnnouncementOf("second"));
  const auto status = Client("observer").Status("web.preferred");
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->slot[0].ttl, seconds(20));
}

TEST_F(ElectionTest, WhoMayNotLookIsToldOnceAndLeadsAllTheSame) {
  auto candidate = Join({.name = "a", .priority = 5, .is_denied_looks = true});
  ASSERT_TRUE(candidate->AwaitLooks(5));
  EXPECT_TRUE(scene_.AwaitWorkOf("a"));
  candidate->Stop();
  EXPECT_THAT(scene_.errors,
              ElementsAre(AllOf(HasSubstr("a preferred candidate"), HasSubstr("forbidden"))));
}

TEST_F(ElectionTest, WhoMayNotAnnounceItselfIsToldOnceAndWaitsAllTheSame) {
  auto leader = Join({.name = "leader"});
  ASSERT_TRUE(scene_.AwaitWorkOf("leader"));
  auto candidate = Join({.name = "a", .priority = 5, .is_denied_announcing = true});
  ASSERT_TRUE(candidate->AwaitLooks(5));
  leader->Stop();
  EXPECT_TRUE(scene_.AwaitWorkOf("a"));
  candidate->Stop();
  EXPECT_THAT(scene_.errors,
              ElementsAre(AllOf(HasSubstr("cannot announce"), HasSubstr("forbidden"))));
}

// Without the store each further call would last until its deadline.
TEST_F(ElectionTest, OneThatIsStoppedInTheMiddleOfALookMakesNoFurtherCall) {
  for (const int announced : {9, 1}) {
    auto client = Client("idle");
    const auto announcement =
        client.Acquire("web.preferred", {.purpose = election::AnnouncementPurpose(announced)});
    ASSERT_TRUE(announcement.has_value() && announcement->lock);
    auto candidate = Join({.name = "a", .priority = 5, .is_blocked = true});
    ASSERT_TRUE(candidate->AwaitCalls(1));
    candidate->AskToStop();
    candidate->Unblock();
    candidate->Join();
    EXPECT_EQ(candidate->calls(), 1) << announced;
  }
}

TEST_F(ElectionTest, ALeaderWhoseClockIsFastStepsDownForAPreferredOne) {
  auto leader = Join({.name = "leader", .priority = 0, .skew = std::chrono::hours(1)});
  ASSERT_TRUE(scene_.AwaitWorkOf("leader"));
  auto preferred = Join({.name = "preferred", .priority = 10});
  EXPECT_TRUE(scene_.AwaitWorkOf("preferred"));
  EXPECT_EQ(leader->LastEnd(), LeadershipEnd::kPreferred);
}

TEST_F(ElectionTest, ACandidateWhoseClockIsFastLetsTheAnnouncementOfAnotherStand) {
  auto leader = Join({.name = "leader", .priority = 10});
  ASSERT_TRUE(scene_.AwaitWorkOf("leader"));
  auto first = Join({.name = "first", .priority = 5});
  ASSERT_TRUE(AwaitAnnouncementOf("first"));
  const auto before = Client("observer").Status("web.preferred");
  auto second = Join({.name = "second", .priority = 5, .skew = std::chrono::hours(1)});
  ASSERT_TRUE(second->AwaitLooks(5));
  const auto after = Client("observer").Status("web.preferred");
  ASSERT_TRUE(before.has_value() && after.has_value());
  EXPECT_EQ(before->slot[0].token, after->slot[0].token);
}

TEST_F(ElectionTest, APreferredOneThatDiedAtOnceReplacesNobody) {
  auto leader = Join({.name = "leader", .priority = 0});
  ASSERT_TRUE(scene_.AwaitWorkOf("leader"));
  auto client = Client("dead");
  AcquireOptions options{.purpose = "candidate with priority 9"};
  options.times.ttl = std::chrono::hours(4);  // the first renewal comes after an hour
  const auto announced = client.Acquire("web.preferred", options);
  ASSERT_TRUE(announced.has_value() && announced->lock);
  ASSERT_TRUE(leader->AwaitLooks(5)) << "two are enough to step down";
  EXPECT_EQ(leader->LastEnd(), LeadershipEnd::kNone);
}

TEST_F(ElectionTest, OneThatIsPreferredButTakesNothingIsDisregarded) {
  auto leader = Join({.name = "leader", .priority = 0});
  ASSERT_TRUE(scene_.AwaitWorkOf("leader"));
  auto client = Client("idle");
  AcquireOptions options{.purpose = "candidate with priority 9"};
  options.times.ttl = kTtl;
  const auto announced = client.Acquire("web.preferred", options);
  ASSERT_TRUE(announced.has_value() && announced->lock);
  ASSERT_TRUE(scene_.AwaitLine("leader ends"));
  EXPECT_EQ(leader->LastEnd(), LeadershipEnd::kPreferred);
  ASSERT_TRUE(scene_.AwaitWorkOf("leader")) << "again";
  ASSERT_TRUE(leader->AwaitLooks(5));
  EXPECT_EQ(scene_.Count("leader ends"), 1) << "and for good";
}

}  // namespace
}  // namespace monopod
