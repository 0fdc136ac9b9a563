// Watches of the test server: what comes, in which order, and when they end.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kube_server/http_client.h"

namespace monopod::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using Json = nlohmann::json;

constexpr char kConfigMaps[] = "/api/v1/namespaces/default/configmaps";

std::string Path(const std::string& name) { return std::string(kConfigMaps) + "/" + name; }

std::string VersionOf(const Json& object) { return object["metadata"]["resourceVersion"]; }

class KubeServerWatchTest : public ::testing::Test {
 protected:
  std::unique_ptr<HttpClient> Watch(const std::string& query) {
    auto client = std::make_unique<HttpClient>(server_);
    const HttpReply reply =
        client->Open({.target = std::string(kConfigMaps) + "?watch=1&" + query});
    EXPECT_EQ(reply.status, 200);
    return client;
  }

  // The types and names of the next events.
  static std::vector<std::pair<std::string, std::string>> Take(HttpClient* client, int count) {
    std::vector<std::pair<std::string, std::string>> events;
    for (int i = 0; i < count; ++i) {
      const auto event = client->Next();
      if (!event) break;
      events.emplace_back((*event)["type"], (*event)["object"]["metadata"].value("name", ""));
    }
    return events;
  }

  KubeServer server_{{.bookmark_interval = std::chrono::milliseconds(20)}};
};

TEST_F(KubeServerWatchTest, RepliesAllThatHappenedSinceAVersionInItsOrder) {
  const std::string start = VersionOf(server_.Put(Path("a"), {{"data", {{"k", "0"}}}}));
  for (int i = 1; i <= 3; ++i) server_.Patch(Path("a"), {{"data", {{"k", std::to_string(i)}}}});
  server_.Put(Path("b"), Json::object());
  server_.Delete(Path("a"));
  const auto watch = Watch("resourceVersion=" + start);
  server_.Put(Path("c"), Json::object());  // and what happens then

  std::int64_t last = std::stoll(start);
  std::vector<std::string> seen;
  for (int i = 0; i < 6; ++i) {
    const auto event = watch->Next();
    ASSERT_TRUE(event.has_value());
    const std::int64_t version = std::stoll(VersionOf((*event)["object"]));
    EXPECT_GT(version, last);
    last = version;
    seen.push_back((*event)["type"].get<std::string>() + " " +
                   (*event)["object"]["metadata"]["name"].get<std::string>() +
                   (*event)["object"].value("data", Json::object()).value("k", ""));
  }
  EXPECT_THAT(seen, ElementsAre("MODIFIED a1", "MODIFIED a2", "MODIFIED a3", "ADDED b",
                                "DELETED a3", "ADDED c"));
}

TEST_F(KubeServerWatchTest, ASelectorTurnsChangesIntoAddedAndDeleted) {
  server_.Put(Path("a"), Json::object());
  const auto watch =
      Watch("labelSelector=x%3Dy&resourceVersion=" + std::to_string(server_.revision()));
  server_.Patch(Path("a"), {{"data", {{"k", "1"}}}});
  server_.Patch(Path("a"), {{"metadata", {{"labels", {{"x", "y"}}}}}});
  server_.Patch(Path("a"), {{"data", {{"k", "2"}}}});
  const Json gone = server_.Patch(Path("a"), {{"metadata", {{"labels", {{"x", "z"}}}}}});
  EXPECT_THAT(Take(watch.get(), 2), ElementsAre(Pair("ADDED", "a"), Pair("MODIFIED", "a")));
  const auto last = watch->Next();
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ((*last)["type"], "DELETED");
  // As it last matched, with the version at which it did not any more.
  EXPECT_EQ((*last)["object"]["metadata"]["labels"]["x"], "y");
  EXPECT_EQ(VersionOf((*last)["object"]), VersionOf(gone));
}

TEST_F(KubeServerWatchTest, AWatchOfOneNameSeesNoOther) {
  const auto watch = Watch("fieldSelector=metadata.name%3Da");
  server_.Put(Path("b"), Json::object());
  server_.Put("/api/v1/namespaces/kube-system/configmaps/a", Json::object());
  server_.Put(Path("a"), Json::object());
  const auto event = watch->Next();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ((*event)["object"]["metadata"]["namespace"], "default");
}

TEST_F(KubeServerWatchTest, BookmarksCarryTheVersionOfOtherChanges) {
  const auto watch = Watch("fieldSelector=metadata.name%3Da&allowWatchBookmarks=true");
  const std::string version = VersionOf(server_.Put(Path("b"), Json::object()));
  while (true) {
    const auto event = watch->Next();
    ASSERT_TRUE(event.has_value());
    ASSERT_EQ((*event)["type"], "BOOKMARK");
    if (VersionOf((*event)["object"]) == version) break;
  }
}

TEST_F(KubeServerWatchTest, EndsAtItsTimeoutAndTheConnectionGoesOn) {
  const auto watch = Watch("timeoutSeconds=1");
  EXPECT_EQ(watch->Next(), std::nullopt);
  EXPECT_TRUE(watch->ended());
  EXPECT_EQ(watch->Get("/version").status, 200);
  EXPECT_EQ(server_.connections(), 1);
  EXPECT_EQ(server_.watches().open, 0);
}

TEST_F(KubeServerWatchTest, ACompactedVersionIsTooOld) {
  const std::string start = VersionOf(server_.Put(Path("a"), Json::object()));
  server_.Put(Path("b"), Json::object());
  server_.Compact();
  const auto watch = Watch("resourceVersion=" + start);
  const auto event = watch->Next();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ((*event)["type"], "ERROR");
  EXPECT_EQ((*event)["object"]["code"], 410);
  EXPECT_EQ(watch->Next(), std::nullopt);
  // From now, one can go on.
  const auto fresh = Watch("resourceVersion=" + std::to_string(server_.revision()));
  server_.Put(Path("c"), Json::object());
  EXPECT_THAT(Take(fresh.get(), 1), ElementsAre(Pair("ADDED", "c")));
}

TEST_F(KubeServerWatchTest, HistoryIsBounded) {
  KubeServer server({.history = 3});
  HttpClient client(server);
  const std::string start = VersionOf(server.Put(Path("a"), Json::object()));
  const auto watch = [&] {
    EXPECT_EQ(client
                  .Open({.target = std::string(kConfigMaps) +
                                   "?watch=1&timeoutSeconds=1&resourceVersion=" + start})
                  .status,
              200);
    const auto event = client.Next();
    while (client.Next()) {
    }
    return event ? (*event)["type"].get<std::string>() : "";
  };
  for (int i = 0; i < 3; ++i) server.Patch(Path("a"), {{"data", {{"k", std::to_string(i)}}}});
  EXPECT_EQ(watch(), "MODIFIED");
  server.Patch(Path("a"), {{"data", {{"k", "4"}}}});
  EXPECT_EQ(watch(), "ERROR");
}

TEST_F(KubeServerWatchTest, OpenWatchesCanBeToldThatTheyExpired) {
  const auto watch = Watch("resourceVersion=" + std::to_string(server_.revision()));
  server_.ExpireWatches();
  const auto event = watch->Next();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ((*event)["object"]["reason"], "Expired");
  EXPECT_EQ(watch->Next(), std::nullopt);
  EXPECT_TRUE(watch->ended());
}

TEST_F(KubeServerWatchTest, APausedCacheHoldsEventsBackAndListsAreStale) {
  server_.Put(Path("a"), {{"data", {{"k", "old"}}}});
  const auto watch = Watch("resourceVersion=" + std::to_string(server_.revision()));
  server_.PauseWatchCache();
  server_.Patch(Path("a"), {{"data", {{"k", "new"}}}});
  HttpClient client(server_);
  const auto listed = [&](const std::string& query) -> std::string {
    return client.Get(kConfigMaps + query).Json()["items"][0]["data"]["k"];
  };
  EXPECT_EQ(listed("?resourceVersion=0"), "old");
  EXPECT_EQ(client.Get(Path("a") + "?resourceVersion=0").Json()["data"]["k"], "old");
  EXPECT_EQ(listed(""), "new");
  EXPECT_EQ(client.Get(Path("a")).Json()["data"]["k"], "new");
  const auto stale = Watch("resourceVersion=0");
  EXPECT_EQ((*stale->Next())["object"]["data"]["k"], "old");

  server_.ResumeWatchCache();
  EXPECT_THAT(Take(watch.get(), 1), ElementsAre(Pair("MODIFIED", "a")));
  EXPECT_THAT(Take(stale.get(), 1), ElementsAre(Pair("MODIFIED", "a")));
  EXPECT_EQ(listed("?resourceVersion=0"), "new");
}

TEST_F(KubeServerWatchTest, ALaggingCacheCatchesUp) {
  server_.SetFaults({.cache_delay = std::chrono::milliseconds(20)});
  const auto watch = Watch("resourceVersion=" + std::to_string(server_.revision()));
  for (const char* name : {"a", "b", "c"}) server_.Put(Path(name), Json::object());
  EXPECT_THAT(Take(watch.get(), 3),
              ElementsAre(Pair("ADDED", "a"), Pair("ADDED", "b"), Pair("ADDED", "c")));
}

TEST_F(KubeServerWatchTest, HundredsWatchAtOnce) {
  constexpr int kWatchers = 300;
  constexpr int kChanges = 10;
  std::vector<std::unique_ptr<HttpClient>> watches;
  const std::string version = VersionOf(server_.Put(Path("a"), Json::object()));
  for (int i = 0; i < kWatchers; ++i) {
    watches.push_back(Watch("fieldSelector=metadata.name%3Da&resourceVersion=" + version));
  }
  EXPECT_EQ(server_.watches().open, kWatchers);
  for (int i = 0; i < kChanges; ++i) {
    server_.Patch(Path("a"), {{"data", {{"k", std::to_string(i)}}}});
  }
  for (const auto& watch : watches) {
    for (int i = 0; i < kChanges; ++i) {
      const auto event = watch->Next();
      ASSERT_TRUE(event.has_value());
      EXPECT_EQ((*event)["object"]["data"]["k"], std::to_string(i));
    }
  }
  watches.clear();
  EXPECT_TRUE(Eventually([&] { return server_.watches().open == 0; }));
  EXPECT_EQ(server_.watches().maximum, kWatchers);
  EXPECT_TRUE(Eventually([&] { return server_.connections() == 0; }));
}

TEST_F(KubeServerWatchTest, CountsWatchesByUserAgent) {
  HttpClient one(server_, {.token = server_.token(), .user_agent = "one/1", .certificate = {}});
  EXPECT_EQ(one.Open({.target = std::string(kConfigMaps) + "?watch=1&timeoutSeconds=1"}).status,
            200);
  const auto other = Watch("");
  EXPECT_EQ(server_.watches_by_user_agent().at("one/1").open, 1);
  EXPECT_EQ(one.Next(), std::nullopt);
  EXPECT_EQ(server_.watches_by_user_agent().at("one/1").open, 0);
  EXPECT_EQ(server_.watches_by_user_agent().at("one/1").maximum, 1);
  EXPECT_EQ(server_.watches().open, 1);
  EXPECT_EQ(server_.watches().maximum, 2);
  EXPECT_EQ(server_.Count({.verb = "watch", .resource = "configmaps", .status = 200}), 2);
}

}  // namespace
}  // namespace monopod::testing
