#include "src/kube/kube_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "src/kube/fake_api.h"

namespace monopod::kube {
namespace {

using protocol::Phase;
using protocol::Record;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

const std::string kPath = "/api/v1/namespaces/build/configmaps/x";

class KubeStoreTest : public ::testing::Test {
 protected:
  static BootTime Soon() { return BootClock::now() + 30s; }

  // As the server shows it.
  static std::string Stored(const std::string& version) {
    return R"({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x",
      "namespace": "build", "uid": "u1", "resourceVersion": ")" +
           version + R"(",
      "annotations": {"note": "kept"}}, "data": {"lock_holder": "", "other": "kept"}})";
  }
  static std::string Status(const std::string& reason, const std::string& message) {
    return R"({"kind": "Status", "status": "Failure", "reason": ")" + reason +
           R"(", "message": ")" + message + R"(", "details": {"name": "x",
           "kind": "configmaps"}})";
  }
  static Record HeldBy(const std::string& instance) {
    return {.phase = Phase::kHeld,
            .holder = {.name = "pod", .instance = instance},
            .token = 8,
            .stamp = "s1",
            .ttl = 15s,
            .kill = 12s};
  }

  const std::shared_ptr<FakeApi> api_ = std::make_shared<FakeApi>();
  KubeStore store_{{.api = api_, .kind = ObjectKind::kConfigMap, .namespace_ = "build"}};
};

TEST_F(KubeStoreTest, AReadAsksForOneObjectAndNoVersion) {
  api_->Answer(200, Stored("7"));
  const auto snapshot = store_.Read("x", Soon());
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  EXPECT_EQ(snapshot->version, "7");
  EXPECT_EQ(snapshot->next_token, 7U);
  EXPECT_EQ(snapshot->record.phase, Phase::kFree);
  EXPECT_EQ(api_->requests().at(0).path, kPath);
  EXPECT_EQ(api_->requests().at(0).method, Method::kGet);
}

TEST_F(KubeStoreTest, LeasesAreAskedForInTheirGroup) {
  KubeStore leases({.api = api_, .kind = ObjectKind::kLease, .namespace_ = "build"});
  api_->Answer(200, R"({"metadata": {"name": "x", "resourceVersion": "7"}})");
  ASSERT_TRUE(leases.Read("x", Soon()));
  EXPECT_EQ(api_->requests().at(0).path, "/apis/coordination.k8s.io/v1/namespaces/build/leases/x");
}

TEST_F(KubeStoreTest, OnlyTheObjectsOwn404MeansThatItIsNotThere) {
  api_->Answer(404, Status("NotFound", "configmaps x not found"));
  const auto absent = store_.Read("x", Soon());
  ASSERT_TRUE(absent);
  EXPECT_FALSE(absent->exists());
  EXPECT_GT(absent->next_token, 0U);
  for (const char* body : {"404 page not found", R"({"kind": "Status", "reason": "NotFound",
      "message": "the server could not find the requested resource", "details": {}})"}) {
    api_->Answer(404, body);
    EXPECT_EQ(store_.Read("x", Soon()).error().code, ErrorCode::kUnavailable);
  }
}

TEST_F(KubeStoreTest, AWriteReplacesTheVersionItWasReadWithAndKeepsTheRest) {
  api_->Answer(200, Stored("7"));
  ASSERT_TRUE(store_.Read("x", Soon()));
  api_->Answer(200, Stored("9"));
  const auto written = store_.Write("x", "7", HeldBy("a"), Soon());
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(written->version, "9");
  EXPECT_EQ(written->next_token, 9U);
  ASSERT_EQ(api_->requests().size(), 2U) << "what was read is known";
  const Request put = api_->requests().at(1);
  EXPECT_EQ(put.method, Method::kPut);
  EXPECT_EQ(put.path, kPath);
  const auto sent = Object::Parse(put.body);
  EXPECT_EQ(sent->Text({"metadata", "resourceVersion"}), "7");
  EXPECT_EQ(sent->Text({"metadata", "annotations", "note"}), "kept");
  EXPECT_EQ(sent->Text({"data", "other"}), "kept");
  EXPECT_EQ(sent->Text({"data", "lock_holder"}), "pod");
}

TEST_F(KubeStoreTest, WhatAnotherStoreReadIsReadAgainToBeKept) {
  api_->Answer(200, Stored("7"));
  api_->Answer(200, Stored("8"));
  ASSERT_TRUE(store_.Write("x", "7", HeldBy("a"), Soon()));
  EXPECT_EQ(api_->requests().at(0).method, Method::kGet);
  EXPECT_THAT(api_->requests().at(1).body, HasSubstr("kept"));
  api_->Answer(200, Stored("20"));
  EXPECT_EQ(store_.Write("x", "19", HeldBy("a"), Soon()).error().code, ErrorCode::kConflict);
  EXPECT_EQ(api_->requests().size(), 3U) << "nothing was written";
}

TEST_F(KubeStoreTest, AMissingObjectIsCreated) {
  api_->Answer(201, Stored("7"));
  ASSERT_TRUE(store_.Write("x", "", HeldBy("a"), Soon()));
  const Request post = api_->requests().at(0);
  EXPECT_EQ(post.method, Method::kPost);
  EXPECT_EQ(post.path, "/api/v1/namespaces/build/configmaps");
  EXPECT_THAT(post.body, Not(HasSubstr("resourceVersion")));
}

TEST_F(KubeStoreTest, EachRefusalOfAWriteHasItsCode) {
  struct Case {
    int status;
    std::string body;
    ErrorCode code;
  };
  const std::string no_namespace = R"({"kind": "Status", "reason": "NotFound",
    "details": {"name": "build", "kind": "namespaces"}})";
  for (const Case& each : std::vector<Case>{
           {409, Status("AlreadyExists", "exists"), ErrorCode::kConflict},
           {409, Status("Conflict", "modified"), ErrorCode::kConflict},
           {404, Status("NotFound", "gone"), ErrorCode::kConflict},
           {404, no_namespace, ErrorCode::kInvalidArgument},
           {401, Status("Unauthorized", "Unauthorized"), ErrorCode::kDenied},
           {403, Status("Forbidden", "User a cannot update"), ErrorCode::kDenied},
           {422, Status("Invalid", "immutable"), ErrorCode::kInvalidArgument},
           {400, Status("BadRequest", "bad"), ErrorCode::kInvalidArgument},
           {429, "Too many requests, please try again later.", ErrorCode::kUnavailable},
           {500, Status("InternalError", "etcdserver"), ErrorCode::kIndeterminate},
           {503, "apiserver is shutting down", ErrorCode::kIndeterminate},
           {504, Status("Timeout", "timed out"), ErrorCode::kIndeterminate},
           {200, "<html>", ErrorCode::kIndeterminate}}) {
    api_->Answer(each.status, each.body);
    const auto written = store_.Write("x", "", HeldBy("a"), Soon());
    ASSERT_FALSE(written) << each.status;
    EXPECT_EQ(written.error().code, each.code) << each.status << written.error().message;
  }
  api_->Answer(Fail(ErrorCode::kIndeterminate, "lost"));
  EXPECT_EQ(store_.Write("x", "", HeldBy("a"), Soon()).error().code, ErrorCode::kIndeterminate);
}

TEST_F(KubeStoreTest, AFailedReadDidNothing) {
  for (const int status : {429, 500, 503, 504}) {
    api_->Answer(status, "no");
    EXPECT_EQ(store_.Read("x", Soon()).error().code, ErrorCode::kUnavailable) << status;
  }
}

TEST_F(KubeStoreTest, AMissingRightIsNamedWithTheRuleToGrant) {
  api_->Answer(403, Status("Forbidden", "User a cannot get resource configmaps"));
  const std::string message = store_.Read("x", Soon()).error().message;
  EXPECT_THAT(message, HasSubstr("get configmaps \"x\" in the namespace \"build\""));
  EXPECT_THAT(message, HasSubstr("- apiGroups: [\"\"]\n"
                                 "  resources: [\"configmaps\"]\n"
                                 "  resourceNames: [\"x\"]\n"
                                 "  verbs: [\"get\", \"update\", \"watch\"]"));
  api_->Answer(403, Status("Forbidden", "User a cannot create resource configmaps"));
  const std::string create = store_.Write("x", "", HeldBy("a"), Soon()).error().message;
  EXPECT_THAT(create, HasSubstr("verbs: [\"create\"]"));
  EXPECT_THAT(create, HasSubstr("monopod create"));
  EXPECT_THAT(create, Not(HasSubstr("resourceNames")));
  api_->Answer(403, Status("Forbidden", "exceeded quota: objects"));
  const std::string quota = store_.Write("x", "", HeldBy("a"), Soon()).error().message;
  EXPECT_THAT(quota, HasSubstr("exceeded quota"));
  EXPECT_THAT(quota, Not(HasSubstr("verbs"))) << "no right would help";
}

TEST_F(KubeStoreTest, RetryAfterIsHonoured) {
  api_->Answer(Response{.status = 429, .body = "Too many requests", .retry_after = 2s});
  const BootTime before = BootClock::now();
  EXPECT_EQ(store_.Read("x", Soon()).error().code, ErrorCode::kUnavailable);
  api_->Answer(200, Stored("7"));
  EXPECT_TRUE(store_.Read("x", Soon()));
  EXPECT_GE(BootClock::now() - before, 2s);
}

TEST_F(KubeStoreTest, WhoHasNoTimeForRetryAfterAsksAllTheSame) {
  api_->Answer(Response{.status = 429, .body = "Too many requests", .retry_after = 3s});
  EXPECT_FALSE(store_.Read("x", Soon()));
  api_->Answer(200, Stored("7"));
  EXPECT_TRUE(store_.Read("x", BootClock::now() + 1s));
}

// Else the next try of a holder with little time would come too late.
TEST_F(KubeStoreTest, ARefusalHoldsNobodyUpForLongerThanTheRefusedCallHad) {
  api_->Answer(Response{.status = 429, .body = "Too many requests", .retry_after = 3s});
  EXPECT_FALSE(store_.Read("x", BootClock::now() + 200ms));
  const BootTime before = BootClock::now();
  api_->Answer(200, Stored("7"));
  EXPECT_TRUE(store_.Read("x", Soon()));
  EXPECT_LT(BootClock::now() - before, 2s);
}

TEST_F(KubeStoreTest, RetryAfterForVeryLongIsNotWaitedFor) {
  api_->Answer(Response{.status = 503, .body = "", .retry_after = 1h});
  EXPECT_FALSE(store_.Read("x", Soon()));
  api_->Answer(200, Stored("7"));
  EXPECT_TRUE(store_.Read("x", Soon()));
}

TEST_F(KubeStoreTest, AListIsPaged) {
  const auto page = [](const std::string& names, const std::string& more) {
    return R"({"metadata": {"continue": ")" + more + R"("}, "items": [)" + names + "]}";
  };
  const auto item = [](const std::string& name) {
    return R"({"metadata": {"name": ")" + name +
           R"(", "namespace": "build", "resourceVersion": "7"}})";
  };
  api_->Answer(200, page(item("b") + "," + item("c"), "a=/b"));
  api_->Answer(410, Status("Expired", "too old"));
  api_->Answer(200, page(item("b") + "," + item("c"), "next"));
  api_->Answer(200, page(item("a"), ""));
  const auto list = store_.List(Soon());
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list->size(), 3U);
  EXPECT_EQ(list->at(0).name, "a");
  const std::string first =
      "/api/v1/namespaces/build/configmaps?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dmonopod"
      "&limit=500";
  EXPECT_EQ(api_->requests().at(0).path, first);
  EXPECT_EQ(api_->requests().at(1).path, first + "&continue=a%3D%2Fb");
  EXPECT_EQ(api_->requests().at(2).path, first) << "from the beginning";
}

TEST_F(KubeStoreTest, LocksOfAllNamespacesAreCalledByTheirs) {
  KubeStore all(
      {.api = api_, .kind = ObjectKind::kLease, .namespace_ = "build", .all_namespaces = true});
  api_->Answer(200, R"({"items": [{"metadata": {"name": "x.slot-1", "namespace": "other",
    "resourceVersion": "7"}}]})");
  EXPECT_EQ(all.List(Soon())->at(0).name, "other/x.slot-1");
  EXPECT_THAT(api_->requests().at(0).path,
              HasSubstr("/apis/coordination.k8s.io/v1/leases?labelSelector="));
  api_->Answer(403, Status("Forbidden", "User a cannot list"));
  EXPECT_THAT(all.List(Soon()).error().message, HasSubstr("ClusterRole"));
}

TEST_F(KubeStoreTest, AnObjectThatSomebodyBrokeDoesNotHideTheOthers) {
  api_->Answer(200, R"({"items": [
    {"metadata": {"name": "bad", "namespace": "build", "resourceVersion": "7"},
     "data": {"lock_format": "many"}},
    {"metadata": {"name": "good", "namespace": "build", "resourceVersion": "8"}}]})");
  const auto list = store_.List(Soon());
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ(list->at(0).name, "bad");
  ASSERT_TRUE(list->at(0).unreadable);
  EXPECT_THAT(list->at(0).unreadable->message, HasSubstr("the ConfigMap build/bad"));
  EXPECT_EQ(list->at(1).name, "good");
  EXPECT_FALSE(list->at(1).unreadable);
}

TEST_F(KubeStoreTest, RemovingIsConditional) {
  api_->Answer(200, R"({"kind": "Status", "status": "Success"})");
  EXPECT_TRUE(store_.Remove("x", "7", Soon()));
  EXPECT_EQ(api_->requests().at(0).method, Method::kDelete);
  EXPECT_EQ(Object::Parse(api_->requests().at(0).body)->Text({"preconditions", "resourceVersion"}),
            "7");
  api_->Answer(409, Status("Conflict", "precondition"));
  EXPECT_EQ(store_.Remove("x", "7", Soon()).error().code, ErrorCode::kConflict);
  api_->Answer(404, Status("NotFound", "gone"));
  EXPECT_EQ(store_.Remove("x", "7", Soon()).error().code, ErrorCode::kConflict);
}

TEST_F(KubeStoreTest, NewsCanBeWrittenToWithoutARead) {
  const auto lines = api_->AnswerWatch();
  lines->Push(R"({"type": "MODIFIED", "object": )" + Stored("9") + "}");
  const std::vector<protocol::Seen> seen{{.name = "x", .version = "7"}};
  const auto news = store_.AwaitNews(seen, Soon(), {});
  ASSERT_EQ(news.size(), 1U);
  EXPECT_EQ(news[0].name, "x");
  EXPECT_EQ(news[0].snapshot.version, "9");
  EXPECT_EQ(news[0].snapshot.record.phase, Phase::kFree);
  api_->Answer(200, Stored("10"));
  EXPECT_TRUE(store_.Write("x", "9", HeldBy("a"), Soon()));
  EXPECT_EQ(api_->requests().size(), 1U);
}

TEST_F(KubeStoreTest, WhatWasToldBeforeARestoreIsForgotten) {
  api_->Answer(200, Stored("100"));
  ASSERT_TRUE(store_.Read("x", Soon()));
  api_->AnswerWatch()->Push(R"({"type": "MODIFIED", "object": )" + Stored("101") + "}");
  ASSERT_EQ(store_.AwaitNews(std::vector<protocol::Seen>{{"x", "100"}}, Soon(), {}).size(), 1U);
  api_->Answer(200, Stored("50"));
  EXPECT_EQ(store_.Read("x", Soon())->version, "50");
  api_->AnswerWatch()->Push(R"({"type": "MODIFIED", "object": )" + Stored("60") + "}");
  const auto news = store_.AwaitNews(std::vector<protocol::Seen>{{"x", "50"}}, Soon(), {});
  ASSERT_EQ(news.size(), 1U);
  EXPECT_EQ(news[0].snapshot.version, "60");
  EXPECT_THAT(api_->watches().at(1), HasSubstr("&resourceVersion=50"));
}

TEST_F(KubeStoreTest, ADeletionThatARestoreUndidIsForgotten) {
  api_->AnswerWatch()->Push(R"({"type": "DELETED", "object": )" + Stored("101") + "}");
  EXPECT_TRUE(store_.AwaitNews(std::vector<protocol::Seen>{{"x", "40"}}, Soon(), {}).empty());
  api_->Answer(200, Stored("50"));
  EXPECT_EQ(store_.Read("x", Soon())->version, "50");
  api_->AnswerWatch()->Push(R"({"type": "MODIFIED", "object": )" + Stored("60") + "}");
  const auto news = store_.AwaitNews(std::vector<protocol::Seen>{{"x", "50"}}, Soon(), {});
  ASSERT_EQ(news.size(), 1U);
  EXPECT_EQ(news[0].snapshot.version, "60");
}

TEST_F(KubeStoreTest, NewsThatMakeNoSenseAreNoNews) {
  const auto lines = api_->AnswerWatch();
  lines->Push(R"({"type": "MODIFIED", "object": {"metadata": {"name": "x",
    "resourceVersion": "9"}, "data": {"lock_format": "one"}}})");
  const std::vector<protocol::Seen> seen{{.name = "x", .version = "7"}};
  EXPECT_TRUE(store_.AwaitNews(seen, Soon(), {}).empty());
}

}  // namespace
}  // namespace monopod::kube
