#include "tests/support/election_harness.h"

namespace monopod {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(ElectionTest, OneOfThreeLeadsAndHandsOverWhenItIsStopped) {
  std::map<std::string, std::unique_ptr<Candidate>> candidates;
  for (const std::string name : {"a", "b", "c"}) candidates[name] = Join({.name = name});
  while (!candidates.empty()) {
    ASSERT_TRUE(scene_.Await([&] { return !scene_.at_work.empty(); }));
    std::string leader;
    {
      const std::lock_guard lock(scene_.mutex);
      leader = *scene_.at_work.begin();
    }
    candidates[leader]->Stop();
    const auto& end = candidates[leader]->end();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->last, LeadershipEnd::kStopped);
    EXPECT_FALSE(end->release_error);
    candidates.erase(leader);
  }
}

TEST_F(ElectionTest, TheWorkEndsBeforeTheCallbackAndThatBeforeTheRelease) {
  auto first = Join({.name = "first"});
  ASSERT_TRUE(scene_.AwaitWorkOf("first"));
  auto second = Join({.name = "second"});
  ASSERT_TRUE(scene_.AwaitLine("second sees first"));
  first->Stop();
  ASSERT_TRUE(scene_.AwaitWorkOf("second"));
  const std::lock_guard lock(scene_.mutex);
  EXPECT_THAT(scene_.log,
              ElementsAre("first sees itself", "first begins", "second sees first", "first ends",
                          "first stopped", "second sees itself", "second begins"));
}

TEST_F(ElectionTest, WorkThatReturnsByItselfEndsTheElection) {
  auto candidate = Join({.name = "a", .finishes = true});
  candidate->Join();
  const auto& end = candidate->end();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->last, LeadershipEnd::kFinished);
  EXPECT_EQ(scene_.Count("a begins"), 1);
}

TEST_F(ElectionTest, ALeaderWithoutItsStoreStopsBeforeAnotherBeginsAndCampaignsAgain) {
  auto first = Join({.name = "first"});
  ASSERT_TRUE(scene_.AwaitWorkOf("first"));
  first->faults().down = true;
  auto second = Join({.name = "second"});
  ASSERT_TRUE(scene_.AwaitWorkOf("second"));
  EXPECT_EQ(first->LastEnd(), LeadershipEnd::kLost);
  ASSERT_TRUE(scene_.AwaitLine("first retries"));
  // An API server that starts refuses everybody for a while.
  first->faults().is_denied = true;
  first->faults().down = false;
  ASSERT_TRUE(scene_.Await(
      [&] { return !scene_.errors.empty() && scene_.errors.back() == "it is forbidden"; }));
  first->faults().is_denied = false;
  second->Stop();
  EXPECT_TRUE(scene_.AwaitWorkOf("first"));
}

TEST_F(ElectionTest, OneThatIsStoppedWhileItCannotReachTheStoreReturns) {
  auto candidate = Join({.name = "candidate", .is_cut_off = true});
  ASSERT_TRUE(scene_.AwaitLine("candidate retries"));
  candidate->Stop();
  const auto& end = candidate->end();
  ASSERT_TRUE(end.has_value()) << end.error().message;
  EXPECT_EQ(end->last, LeadershipEnd::kNone);
}

TEST_F(ElectionTest, WhoResignsLetsAnotherLead) {
  auto first = Join({.name = "first"});
  ASSERT_TRUE(scene_.AwaitWorkOf("first"));
  auto second = Join({.name = "second"});
  ASSERT_TRUE(scene_.AwaitLine("second sees first"));
  first->Resign();
  ASSERT_TRUE(scene_.AwaitWorkOf("second"));
  EXPECT_EQ(first->LastEnd(), LeadershipEnd::kResigned);
  ASSERT_TRUE(scene_.AwaitLine("first sees second"));
  second->Resign();
  EXPECT_TRUE(scene_.Await([&] { return scene_.at_work.contains("first"); }));
}

TEST_F(ElectionTest, WhatCannotBeMendedEndsTheElection) {
  ASSERT_TRUE(Client("admin").Create("web", 2));
  auto candidate = Join({.name = "a"});
  candidate->Join();
  const auto& end = candidate->end();
  ASSERT_FALSE(end.has_value());
  EXPECT_EQ(end.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(end.error().message, HasSubstr("slots"));
}

TEST_F(ElectionTest, WhoFollowsAndIsRefusedForAWhileGoesOn) {
  auto first = Join({.name = "first"});
  ASSERT_TRUE(scene_.AwaitWorkOf("first"));
  auto second = Join({.name = "second"});
  ASSERT_TRUE(scene_.AwaitLine("second sees first"));
  second->faults().is_denied = true;
  ASSERT_TRUE(scene_.AwaitLine("second retries"));
  second->faults().is_denied = false;
  first->Stop();
  EXPECT_TRUE(scene_.AwaitWorkOf("second"));
}

TEST_F(ElectionTest, WhoNeverWasAllowedIsToldSoAtOnce) {
  auto candidate = Join({.name = "a", .is_denied = true});
  candidate->Join();
  ASSERT_FALSE(candidate->end().has_value());
  EXPECT_EQ(candidate->end().error().code, ErrorCode::kDenied);
}

TEST(ElectionOptionsTest, WhatIsNotAllowedIsRefusedBeforeAnyCall) {
  const auto refused = [](ElectionOptions options) {
    if (!options.on_started) options.on_started = [](const Leadership&, const std::stop_token&) {};
    const auto election = Election::Open({.store = "memory:"}, std::move(options));
    return !election && election.error().code == ErrorCode::kInvalidArgument;
  };
  EXPECT_FALSE(refused({.name = "web"}));
  EXPECT_TRUE(refused({.name = "Not A Name"}));
  EXPECT_TRUE(refused({.name = "web.preferred"}));
  EXPECT_TRUE(refused({.name = "web", .priority = -1}));
  EXPECT_TRUE(refused({.name = "web", .priority = 1'000'001}));
  EXPECT_TRUE(refused({.name = "web", .times = {.ttl = seconds(1)}}));
  EXPECT_FALSE(Election::Open({.store = "memory:"}, {.name = "web"}).has_value());
}

}  // namespace
}  // namespace monopod
