#include "src/kube/lock_watch.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "src/kube/fake_api.h"

namespace monopod::kube {
namespace {

using protocol::Seen;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

class LockWatchTest : public ::testing::Test {
 protected:
  static BootTime Soon() { return BootClock::now() + 30s; }

  static std::string Event(const std::string& type, const std::string& name, int version) {
    return fmt::format(
        R"({{"type": "{}", "object": {{"metadata": {{"name": "{}", "resourceVersion": "{}"}}}}}})",
        type, name, version);
  }
  static std::string TooLarge() {
    return R"({"kind": "Status", "code": 504, "reason": "Timeout",
        "message": "Too large resource version: 7, current: 5"})";
  }
  static std::string Expired() {
    return R"({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}})";
  }

  // The versions that were told.
  std::vector<std::string> Await(const std::vector<Seen>& seen, BootTime deadline = Soon()) {
    std::vector<std::string> versions;
    for (const Object& object : watch_.Await(seen, deadline, {})) {
      versions.push_back(object.Text({"metadata", "resourceVersion"}));
    }
    return versions;
  }

  const std::shared_ptr<FakeApi> api_ = std::make_shared<FakeApi>();
  std::map<std::string, std::string> now_;  // what there is, by name
  std::atomic<int> looks_{0};
  LockWatch watch_{{.api = api_,
                    .collection = "/apis/coordination.k8s.io/v1/namespaces/build/leases",
                    .lock = "x",
                    .look = [this](const std::string& name, BootTime) {
                      ++looks_;
                      return std::optional(now_[name]);
                    }}};
};

using Versions = std::vector<std::string>;

TEST_F(LockWatchTest, ItFollowsOneObjectFromTheVersionThatWasSeen) {
  const auto lines = api_->AnswerWatch();
  lines->Push(Event("MODIFIED", "x", 9));
  EXPECT_EQ(Await({{"x", "7"}}), Versions{"9"});
  EXPECT_THAT(
      api_->watches().at(0),
      AllOf(HasSubstr("/leases?watch=1&allowWatchBookmarks=true&timeoutSeconds="),
            HasSubstr("&fieldSelector=metadata.name%3Dx"), HasSubstr("&resourceVersion=7")));
  EXPECT_EQ(looks_, 0);
}

TEST_F(LockWatchTest, ItStaysOpenBetweenCalls) {
  const auto lines = api_->AnswerWatch();
  lines->Push(Event("MODIFIED", "x", 9));
  EXPECT_EQ(Await({{"x", "7"}}), Versions{"9"});
  // An event that tells nothing new, of the own write perhaps, wakes nobody.
  lines->Push(Event("MODIFIED", "x", 11));
  lines->Push(Event("MODIFIED", "x", 12));
  EXPECT_EQ(Await({{"x", "11"}}), Versions{"12"});
  EXPECT_EQ(Await({{"x", "10"}}), Versions{"12"}) << "known before";
  EXPECT_EQ(api_->watches().size(), 1U);
}

TEST_F(LockWatchTest, BookmarksWakeNobody) {
  const auto lines = api_->AnswerWatch();
  lines->Push(Event("BOOKMARK", "", 100));
  lines->Push(Event("MODIFIED", "x", 101));
  EXPECT_EQ(Await({{"x", "7"}}), Versions{"101"});
}

TEST_F(LockWatchTest, ADeletionIsToldWithoutAnObject) {
  const auto lines = api_->AnswerWatch();
  lines->Push(Event("DELETED", "x", 9));
  EXPECT_EQ(Await({{"x", "7"}}), Versions{});
}

TEST_F(LockWatchTest, WhatIsAbsentIsLookedAtOnceAfterTheWatchBegan) {
  const auto lines = api_->AnswerWatch();
  now_["x"] = "5";
  EXPECT_EQ(Await({{"x", ""}}), Versions{}) << "it came in between";
  EXPECT_EQ(looks_, 1);
  EXPECT_THAT(api_->watches().at(0), Not(HasSubstr("resourceVersion")));
  now_["x"] = "";
  lines->Push(Event("ADDED", "x", 9));
  EXPECT_EQ(Await({{"x", ""}}), Versions{});
  EXPECT_EQ(looks_, 1);
  // The watch may be behind what was read: that wakes its caller only once.
  EXPECT_EQ(Await({{"x", ""}}, BootClock::now() + 10ms), Versions{});
  lines->Push(Event("DELETED", "x", 10));
  lines->Push(Event("ADDED", "x", 11));
  EXPECT_EQ(Await({{"x", "9"}}), Versions{});
}

TEST_F(LockWatchTest, AForgottenHistoryIsPassedByStartingFromNow) {
  api_->AnswerWatch()->Push(Expired());
  const auto lines = api_->AnswerWatch();
  EXPECT_EQ(Await({{"x", "7"}}), Versions{}) << "look again";
  now_["x"] = "7";
  lines->Push(Event("ADDED", "x", 7));
  lines->Push(Event("MODIFIED", "x", 500));
  EXPECT_EQ(Await({{"x", "7"}}), Versions{"500"});
  EXPECT_THAT(api_->watches().at(1), Not(HasSubstr("resourceVersion")));
}

TEST_F(LockWatchTest, AVersionThatTheServerHasNotReachedIsPassedByStartingFromNow) {
  api_->RefuseWatch(504, TooLarge());
  api_->AnswerWatch();
  Await({{"x", "7"}});
  Await({{"x", "7"}});
  EXPECT_THAT(api_->watches().at(0), HasSubstr("&resourceVersion=7"));
  EXPECT_THAT(api_->watches().at(1), Not(HasSubstr("resourceVersion")));
}

TEST_F(LockWatchTest, AStreamThatBeganTooLateIsFollowedByOneFromNow) {
  api_->AnswerWatch()->Push(R"({"type": "ERROR", "object": )" + TooLarge() + "}");
  api_->AnswerWatch();
  Await({{"x", "7"}});
  Await({{"x", "7"}});
  EXPECT_THAT(api_->watches().at(1), Not(HasSubstr("resourceVersion")));
}

TEST_F(LockWatchTest, ATimeoutOnTheWayIsNoReasonToStartFromNow) {
  api_->RefuseWatch(504,
                    R"({"kind": "Status", "code": 504, "message": "request did not complete"})");
  const auto lines = api_->AnswerWatch();
  Await({{"x", "7"}});
  lines->Push(Event("MODIFIED", "x", 9));
  EXPECT_EQ(Await({{"x", "7"}}), Versions{"9"});
  EXPECT_THAT(api_->watches().at(1), HasSubstr("&resourceVersion=7"));
}

TEST_F(LockWatchTest, AfterStartingFromNowADeletionInBetweenIsSeen) {
  api_->AnswerWatch()->Push(Expired());
  api_->AnswerWatch();
  Await({{"x", "7"}});
  now_["x"] = "";
  EXPECT_EQ(Await({{"x", "7"}}), Versions{});
  EXPECT_EQ(looks_, 1);
}

TEST_F(LockWatchTest, AStreamThatEndsAtOnceIsFollowedByAPause) {
  for (int i = 0; i < 5; ++i) api_->AnswerWatch()->End();
  const BootTime before = BootClock::now();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Await({{"x", "7"}}), Versions{});
  EXPECT_EQ(api_->watches().size(), 5U);
  EXPECT_GE(BootClock::now() - before, 500ms);
}

TEST_F(LockWatchTest, ALaterStreamGoesOnWhereTheLastOneEnded) {
  const auto first = api_->AnswerWatch();
  first->Push(Event("BOOKMARK", "", 100));
  first->End();
  Await({{"x", "7"}});
  api_->AnswerWatch()->Push(Event("MODIFIED", "x", 101));
  EXPECT_EQ(Await({{"x", "7"}}), Versions{"101"});
  EXPECT_THAT(api_->watches().at(1), HasSubstr("&resourceVersion=100"));
  EXPECT_EQ(looks_, 0);
}

TEST_F(LockWatchTest, AStreamOfOtherObjectsBeginsWhereTheseWereSeen) {
  const auto first = api_->AnswerWatch();
  first->Push(Event("BOOKMARK", "", 100));
  first->End();
  Await({{"x", "7"}});
  api_->AnswerWatch()->Push(Event("MODIFIED", "x.slot-1", 9));
  EXPECT_EQ(Await({{"x.slot-1", "8"}}), Versions{"9"});
  EXPECT_THAT(api_->watches().at(1), HasSubstr("&resourceVersion=8"));
}

TEST_F(LockWatchTest, AWatchThatIsDeniedIsNotAskedForAgainAndAgain) {
  api_->RefuseWatch(403);
  const BootTime deadline = BootClock::now() + 50ms;
  EXPECT_EQ(Await({{"x", "7"}}), Versions{});
  while (BootClock::now() < deadline) Await({{"x", "7"}}, deadline);
  EXPECT_EQ(api_->watches().size(), 1U);
}

TEST_F(LockWatchTest, SlotsAreFollowedByTheirLabel) {
  const auto lines = api_->AnswerWatch();
  lines->Push(Event("MODIFIED", "x.slot-1", 9));
  EXPECT_EQ(Await({{"x", "7"}, {"x.slot-1", "8"}}), Versions{"9"});
  EXPECT_THAT(api_->watches().at(0), AllOf(HasSubstr("&labelSelector=monopod.dev%2Flock%3Dx"),
                                           HasSubstr("&resourceVersion=7")));
  // One of them alone is covered, too.
  lines->Push(Event("MODIFIED", "x.slot-1", 10));
  EXPECT_EQ(Await({{"x.slot-1", "9"}}), Versions{"10"});
  EXPECT_EQ(api_->watches().size(), 1U);
}

TEST_F(LockWatchTest, WithoutTheRightToWatchAllOneIsFollowedAndTheOthersLookedAt) {
  api_->RefuseWatch(403);
  const auto lines = api_->AnswerWatch();
  now_["x.slot-1"] = "8";
  lines->Push(Event("MODIFIED", "x", 9));
  EXPECT_EQ(Await({{"x", "7"}, {"x.slot-1", "8"}}), Versions{"9"});
  EXPECT_THAT(api_->watches().at(1), HasSubstr("&fieldSelector=metadata.name%3Dx&"));
  const BootTime before = BootClock::now();
  EXPECT_EQ(Await({{"x", "9"}, {"x.slot-1", "8"}}), Versions{});
  EXPECT_LT(BootClock::now() - before, 10s) << "its caller shall look by itself";
}

TEST_F(LockWatchTest, TwoThreadsShareOneStream) {
  const auto lines = api_->AnswerWatch();
  {
    std::vector<std::jthread> waiters;
    for (int i = 0; i < 4; ++i) {
      waiters.emplace_back([&] { EXPECT_EQ(Await({{"x", "7"}}), Versions{"9"}); });
    }
    lines->Push(Event("MODIFIED", "x", 9));
  }
  EXPECT_EQ(api_->watches().size(), 1U);
}

TEST_F(LockWatchTest, StopWakesIt) {
  api_->AnswerWatch();
  std::jthread waiter([&](const std::stop_token& stop) {
    const std::vector<Seen> seen{{.name = "x", .version = "7"}};
    EXPECT_TRUE(watch_.Await(seen, BootTime::max(), stop).empty());
  });
  waiter.request_stop();
}

}  // namespace
}  // namespace monopod::kube
