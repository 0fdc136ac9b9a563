#include "src/election/pod_label.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

namespace monopod::election {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

class FakeApi : public kube::Api {
 public:
  Result<kube::Response> Send(const kube::Request& request, BootTime /*deadline*/) override {
    requests.push_back(request);
    if (on_request) on_request();
    if (replies.empty()) return kube::Response{.status = 200, .body = "{}", .retry_after = {}};
    auto reply = std::move(replies.front());
    replies.pop_front();
    return reply;
  }
  Result<Opened> Watch(const std::string& /*path*/, BootTime /*deadline*/) override {
    return Fail(ErrorCode::kInternal, "nothing to watch");
  }

  std::function<void()> on_request;
  std::vector<kube::Request> requests;
  std::deque<Result<kube::Response>> replies;
};

class PodLabelTest : public ::testing::Test {
 protected:
  static BootTime Soon() { return BootClock::now() + seconds(10); }
  static kube::Response Answer(int status, const std::string& message = {}) {
    return {
        .status = status, .body = nlohmann::json{{"message", message}}.dump(), .retry_after = {}};
  }

  const std::shared_ptr<FakeApi> api_ = std::make_shared<FakeApi>();
  PodLabel label_{api_, {.name = "web-0", .namespace_ = "prod"}};
};

TEST_F(PodLabelTest, PutsItOnAndTakesItOff) {
  EXPECT_TRUE(label_.PutOn(Soon()));
  EXPECT_TRUE(label_.TakeOff(Soon()));
  ASSERT_EQ(api_->requests.size(), 2U);
  for (const kube::Request& request : api_->requests) {
    EXPECT_EQ(request.method, kube::Method::kPatch);
    EXPECT_EQ(request.path, "/api/v1/namespaces/prod/pods/web-0");
    EXPECT_EQ(request.content_type, "application/merge-patch+json");
  }
  EXPECT_EQ(api_->requests[0].body, R"({"metadata":{"labels":{"monopod.dev/leader":"true"}}})");
  EXPECT_EQ(api_->requests[1].body, R"({"metadata":{"labels":{"monopod.dev/leader":null}}})");
}

TEST_F(PodLabelTest, TriesAgainWhatTheServerCannotDoNow) {
  api_->replies.emplace_back(Fail(ErrorCode::kUnavailable, "no connection"));
  api_->replies.emplace_back(Fail(ErrorCode::kIndeterminate, "no answer"));
  api_->replies.emplace_back(Answer(503));
  EXPECT_TRUE(label_.PutOn(Soon()));
  EXPECT_EQ(api_->requests.size(), 4U);
}

TEST_F(PodLabelTest, GivesUpAtTheDeadline) {
  api_->replies.emplace_back(Answer(503));
  EXPECT_EQ(label_.TakeOff(BootClock::now()).error().code, ErrorCode::kUnavailable);
  api_->replies.emplace_back(Fail(ErrorCode::kIndeterminate, "no answer"));
  EXPECT_EQ(label_.TakeOff(BootClock::now()).error().code, ErrorCode::kIndeterminate);
  EXPECT_EQ(api_->requests.size(), 2U);
}

TEST_F(PodLabelTest, DoesNotWaitLongerThanItHasTime) {
  kube::Response busy = Answer(429);
  busy.retry_after = seconds(100);
  api_->replies.emplace_back(busy);
  EXPECT_EQ(label_.TakeOff(Soon()).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(api_->requests.size(), 1U);
}

TEST_F(PodLabelTest, KeepsTakingItOffUntilTheServerDoesIt) {
  kube::Response busy = Answer(429);
  busy.retry_after = seconds(100);  // so each attempt ends at once
  api_->replies.emplace_back(busy);
  EXPECT_TRUE(label_.KeepTakingOff({}));
  ASSERT_EQ(api_->requests.size(), 2U);
  EXPECT_THAT(api_->requests[1].body, HasSubstr("null"));
}

TEST_F(PodLabelTest, KeepsTakingItOffUntilItIsStoppedOrRefused) {
  std::stop_source stop;
  api_->on_request = [&] { stop.request_stop(); };
  api_->replies.emplace_back(Answer(503));
  EXPECT_EQ(label_.KeepTakingOff(stop.get_token()).error().code, ErrorCode::kUnavailable);
  api_->replies.emplace_back(Answer(403));
  EXPECT_EQ(label_.KeepTakingOff({}).error().code, ErrorCode::kDenied);
  EXPECT_EQ(api_->requests.size(), 2U);
}

TEST_F(PodLabelTest, AMissingRightNamesTheRuleToGrant) {
  api_->replies.emplace_back(Answer(403, "pods \"web-0\" is forbidden"));
  const auto denied = label_.PutOn(Soon());
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, ErrorCode::kDenied);
  EXPECT_THAT(denied.error().message, HasSubstr("forbidden"));
  EXPECT_THAT(denied.error().message, HasSubstr("resources: [pods], verbs: [patch]"));
}

TEST_F(PodLabelTest, AnUnknownPodIsNamed) {
  api_->replies.emplace_back(Answer(404));
  const auto missing = label_.PutOn(Soon());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("web-0"));
}

}  // namespace
}  // namespace monopod::election
