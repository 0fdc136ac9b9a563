// Each fault of the test server does what it says.
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kube_server/http_client.h"

namespace monopod::testing {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

constexpr char kConfigMaps[] = "/api/v1/namespaces/default/configmaps";
constexpr char kObject[] = "/api/v1/namespaces/default/configmaps/a";

class KubeServerFaultsTest : public ::testing::Test {
 protected:
  KubeServerFaultsTest() { server_.Put(kObject, {{"data", {{"k", "old"}}}}); }

  HttpReply Write(const std::string& value) {
    return client_.Patch(kObject, {{"data", {{"k", value}}}});
  }
  std::string Stored() { return server_.Get(kObject)["data"]["k"]; }

  std::atomic<bool> arrived_ = false;
  KubeServer server_;
  HttpClient client_{server_};
};

TEST_F(KubeServerFaultsTest, ALostReplyComesAfterTheCommit) {
  server_.SetFaults({.lost_reply = 1, .times = 1});
  EXPECT_EQ(Write("new").status, 0);
  EXPECT_EQ(Stored(), "new");
  EXPECT_EQ(server_.Count({.verb = "patch", .resource = "configmaps"}), 1);
  EXPECT_EQ(Write("newer").status, 200);  // only once
  EXPECT_EQ(server_.Count({.verb = "patch", .resource = "configmaps", .status = 200}), 1);
}

TEST_F(KubeServerFaultsTest, ALostRequestDoesNothing) {
  server_.SetFaults({.lost_request = 1});
  EXPECT_EQ(Write("new").status, 0);
  EXPECT_EQ(Stored(), "old");
  server_.ClearFaults();
  EXPECT_EQ(Write("new").status, 200);
}

TEST_F(KubeServerFaultsTest, TooManyRequestsAreToldToComeLater) {
  server_.SetFaults({.too_many_requests = 1, .retry_after = std::chrono::seconds(7)});
  const HttpReply reply = Write("new");
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(reply.headers.at("Retry-After"), "7");
  EXPECT_EQ(reply.headers.at("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(reply.body, "Too many requests, please try again later.\n");
  EXPECT_EQ(Stored(), "old");
}

TEST_F(KubeServerFaultsTest, ErrorsOfTheServerAreStatusObjects) {
  server_.SetFaults({.internal_error = 1});
  EXPECT_EQ(Write("new").Reason(), "InternalError");
  server_.SetFaults({.unavailable = 1});
  const HttpReply reply = Write("new");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.Reason(), "ServiceUnavailable");
  EXPECT_EQ(Stored(), "old");
}

TEST_F(KubeServerFaultsTest, TheSameSeedMeetsTheSameRequests) {
  const auto statuses = [&](std::uint64_t seed) {
    server_.SetFaults({.unavailable = 0.5, .seed = seed});
    std::string text;
    for (int i = 0; i < 40; ++i) text += client_.Get(kObject).status == 200 ? '.' : 'x';
    return text;
  };
  const std::string first = statuses(3);
  EXPECT_THAT(first, ::testing::AllOf(::testing::HasSubstr("."), ::testing::HasSubstr("x")));
  EXPECT_EQ(statuses(3), first);
  EXPECT_NE(statuses(4), first);
}

TEST_F(KubeServerFaultsTest, OnlyChosenRequestsMeetThem) {
  server_.SetFaults({.unavailable = 1, .only = [](const KubeRequest& request) {
                       return request.verb == "update" && request.name == "a";
                     }});
  EXPECT_EQ(client_.Get(kObject).status, 200);
  EXPECT_EQ(client_.Put(kObject, {{"metadata", {{"name", "a"}}}}).status, 503);
}

TEST_F(KubeServerFaultsTest, ADelayedRequestIsAnsweredLater) {
  const milliseconds delay(50);
  server_.SetFaults({.delay = delay});
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Write("new").status, 200);
  EXPECT_GE(std::chrono::steady_clock::now() - start, delay);
}

TEST_F(KubeServerFaultsTest, AFrozenServerAnswersWhenItHasThawed) {
  HttpClient impatient(server_, {.token = server_.token(),
                                 .user_agent = {},
                                 .certificate = {},
                                 .patience = milliseconds(100)});
  ASSERT_EQ(impatient.Get(kObject).status, 200);
  server_.Freeze();
  // On a connection that there was.
  EXPECT_EQ(impatient.Patch(kObject, {{"data", {{"k", "late"}}}}).status, 0);
  // And on a new one, which does not even shake hands.
  EXPECT_EQ(impatient.Get(kObject).status, 0);
  EXPECT_EQ(Stored(), "old");
  server_.Thaw();
  EXPECT_EQ(client_.Get(kObject).status, 200);
  // What was given up lands.
  EXPECT_TRUE(Eventually([&] { return Stored() == "late"; }));
}

TEST_F(KubeServerFaultsTest, WatchesAreSilentWhileItIsFrozen) {
  HttpClient watch(server_);
  ASSERT_EQ(watch.Open({.target = std::string(kConfigMaps) + "?watch=1"}).status, 200);
  ASSERT_TRUE(watch.Next().has_value());
  server_.Freeze();
  server_.Patch(kObject, {{"data", {{"k", "new"}}}});
  std::thread thaw([&] { server_.Thaw(); });
  const auto event = watch.Next();
  thaw.join();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ((*event)["object"]["data"]["k"], "new");
}

TEST_F(KubeServerFaultsTest, SilencedConnectionsAreDeadAndNewOnesWork) {
  HttpClient impatient(server_, {.token = server_.token(),
                                 .user_agent = {},
                                 .certificate = {},
                                 .patience = milliseconds(100)});
  ASSERT_EQ(impatient.Open({.target = std::string(kConfigMaps) + "?watch=1"}).status, 200);
  ASSERT_TRUE(impatient.Next().has_value());
  ASSERT_EQ(client_.Get(kObject).status, 200);
  server_.SilenceConnections();
  EXPECT_EQ(server_.watches().open, 0);
  server_.Patch(kObject, {{"data", {{"k", "new"}}}});
  EXPECT_EQ(impatient.Next(), std::nullopt);
  EXPECT_FALSE(impatient.ended());
  EXPECT_EQ(impatient.Get(kObject).status, 200);  // by a new one
}

TEST_F(KubeServerFaultsTest, AfterARestartPortAndStateAreTheSame) {
  ASSERT_EQ(Write("kept").status, 200);
  const int port = server_.port();
  server_.Stop();
  EXPECT_EQ(client_.Get(kObject).status, 0);
  EXPECT_EQ(client_.Get(kObject).status, 0);  // refused
  EXPECT_EQ(server_.connections(), 0);
  server_.Start();
  EXPECT_EQ(server_.port(), port);
  EXPECT_EQ(client_.Get(kObject).Json()["data"]["k"], "kept");
}

TEST_F(KubeServerFaultsTest, WhatIsDelayedDoesNotSurviveAStop) {
  const std::string other = "/api/v1/namespaces/default/configmaps/b";
  ASSERT_EQ(client_.Get(kObject).status, 200);
  const auto post = [&] {
    return client_.Post(kConfigMaps, {{"metadata", {{"name", "b"}}}}).status;
  };
  // First before the delay, then during it.
  server_.OnRequest([&](const KubeRequest&) { server_.Restart(); });
  EXPECT_EQ(post(), 0);
  server_.SetFaults({.delay = std::chrono::seconds(1)});
  server_.OnRequest([&](const KubeRequest&) { arrived_ = true; });
  std::thread restart([&] {
    EXPECT_TRUE(Eventually([&] { return arrived_.load(); }));
    server_.Restart();
  });
  EXPECT_EQ(post(), 0);
  restart.join();
  // This one was delayed until later.
  EXPECT_EQ(client_.Get(kObject).status, 200);
  EXPECT_TRUE(server_.Get(other).is_null());
}

TEST_F(KubeServerFaultsTest, WatchesAreClosedSuddenly) {
  HttpClient watch(server_);
  const auto open = [&] {
    ASSERT_EQ(watch.Open({.target = std::string(kConfigMaps) + "?watch=1"}).status, 200);
    ASSERT_TRUE(watch.Next().has_value());
  };
  open();
  server_.CutWatches();
  EXPECT_EQ(watch.Next(), std::nullopt);
  EXPECT_FALSE(watch.ended());

  open();
  server_.SetFaults({.watch_closed = 1, .times = 1});
  server_.Patch(kObject, {{"data", {{"k", "new"}}}});
  EXPECT_EQ(watch.Next(), std::nullopt);
  EXPECT_FALSE(watch.ended());
  open();
}

TEST_F(KubeServerFaultsTest, TheHookSeesEachRequestAndMayUseTheServer) {
  std::vector<std::string> seen;
  server_.OnRequest([&](const KubeRequest& request) {
    seen.push_back(request.user + " " + request.verb + " " + request.resource + " " + request.name +
                   " " + std::to_string(server_.Get(kObject)["data"].size()));
  });
  server_.SetFaults({.lost_request = 1, .times = 1});
  EXPECT_EQ(Write("new").status, 0);
  EXPECT_EQ(client_.Get(kObject).status, 200);
  server_.OnRequest({});
  EXPECT_EQ(client_.Get(kObject).status, 200);
  EXPECT_THAT(seen,
              ::testing::ElementsAre("admin patch configmaps a 1", "admin get configmaps a 1"));
}

TEST_F(KubeServerFaultsTest, CountsCanBeginAnew) {
  EXPECT_EQ(client_.Get(kObject).status, 200);
  EXPECT_EQ(client_.Get("/api/v1/namespaces/default/configmaps/none").status, 404);
  EXPECT_EQ(server_.Count({.verb = "get"}), 2);
  EXPECT_EQ(server_.Count({.status = 404}), 1);
  server_.ResetCounts();
  EXPECT_EQ(server_.Count({}), 0);
}

}  // namespace
}  // namespace monopod::testing
