// What the test server does with objects where no exchange was recorded.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kube_server/http_client.h"

namespace monopod::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

constexpr char kConfigMaps[] = "/api/v1/namespaces/default/configmaps";
constexpr char kLeases[] = "/apis/coordination.k8s.io/v1/namespaces/default/leases";

std::string Path(const char* collection, const std::string& name) {
  return std::string(collection) + "/" + name;
}

Json Named(const std::string& name, const Json& labels = Json::object()) {
  return {{"metadata", {{"name", name}, {"labels", labels}}}};
}

std::vector<std::string> NamesOf(const Json& list) {
  std::vector<std::string> names;
  for (const Json& item : list["items"]) names.push_back(item["metadata"]["name"]);
  return names;
}

class KubeServerObjectsTest : public ::testing::Test {
 protected:
  std::vector<std::string> List(const std::string& query, const std::string& path = kConfigMaps) {
    const HttpReply reply = client_.Get(path + query);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.status == 200 ? NamesOf(reply.Json()) : std::vector<std::string>();
  }

  KubeServer server_;
  HttpClient client_{server_};
};

TEST_F(KubeServerObjectsTest, ListsByLabels) {
  for (const auto& [name, labels] :
       std::vector<std::pair<std::string, Json>>{{"a", {{"app", "one"}}},
                                                 {"b", {{"app", "two"}, {"tier", "web"}}},
                                                 {"c", Json::object()}}) {
    ASSERT_EQ(client_.Post(kConfigMaps, Named(name, labels)).status, 201);
  }
  EXPECT_THAT(List("?labelSelector=app%3Done"), ElementsAre("a"));
  EXPECT_THAT(List("?labelSelector=app%3D%3Dtwo"), ElementsAre("b"));
  EXPECT_THAT(List("?labelSelector=app!%3Done"), ElementsAre("b", "c"));
  EXPECT_THAT(List("?labelSelector=app%20in%20(one,two)"), ElementsAre("a", "b"));
  EXPECT_THAT(List("?labelSelector=app%20notin%20(two)"), ElementsAre("a", "c"));
  EXPECT_THAT(List("?labelSelector=app"), ElementsAre("a", "b"));
  EXPECT_THAT(List("?labelSelector=!app"), ElementsAre("c"));
  EXPECT_THAT(List("?labelSelector=app,tier%3Dweb"), ElementsAre("b"));
  EXPECT_EQ(client_.Get(std::string(kConfigMaps) + "?labelSelector=app%20near%20(x)").status, 400);
}

TEST_F(KubeServerObjectsTest, ListsByFields) {
  server_.Put("/api/v1/nodes/n1", Json::object());
  server_.Put("/api/v1/namespaces/default/pods/p1", {{"spec", {{"nodeName", "n1"}}}});
  server_.Put("/api/v1/namespaces/kube-system/pods/p2", {{"spec", {{"nodeName", "n1"}}}});
  server_.Put("/api/v1/namespaces/default/pods/p3", {{"spec", {{"nodeName", "n2"}}}});
  EXPECT_THAT(List("?fieldSelector=spec.nodeName%3Dn1", "/api/v1/pods"), ElementsAre("p1", "p2"));
  EXPECT_THAT(List("?fieldSelector=metadata.namespace%3Dkube-system", "/api/v1/pods"),
              ElementsAre("p2"));
  EXPECT_THAT(List("?fieldSelector=metadata.name%3Dp3,spec.nodeName!%3Dn1", "/api/v1/pods"),
              ElementsAre("p3"));
  EXPECT_THAT(List("", "/api/v1/nodes"), ElementsAre("n1"));
  EXPECT_EQ(client_.Get(std::string(kConfigMaps) + "?fieldSelector=data.a%3Db").status, 400);
}

TEST_F(KubeServerObjectsTest, ListsInTheOrderOfNamesOverAllNamespaces) {
  for (const char* path :
       {"/api/v1/namespaces/kube-system/configmaps/a", "/api/v1/namespaces/default/configmaps/b",
        "/api/v1/namespaces/default/configmaps/a"}) {
    server_.Put(path, Json::object());
  }
  const Json list = client_.Get("/api/v1/configmaps").Json();
  EXPECT_THAT(NamesOf(list), ElementsAre("a", "b", "a"));
  EXPECT_EQ(list["items"][2]["metadata"]["namespace"], "kube-system");
  EXPECT_EQ(list["metadata"]["resourceVersion"], std::to_string(server_.revision()));
}

TEST_F(KubeServerObjectsTest, PagesShowOneVersion) {
  for (const char* name : {"a", "b", "c", "d", "e"})
    server_.Put(Path(kConfigMaps, name), Json::object());
  const Json first = client_.Get(std::string(kConfigMaps) + "?limit=2").Json();
  EXPECT_THAT(NamesOf(first), ElementsAre("a", "b"));
  EXPECT_EQ(first["metadata"]["remainingItemCount"], 3);
  server_.Delete(Path(kConfigMaps, "c"));
  server_.Put(Path(kConfigMaps, "bb"), Json::object());

  const auto next = [&](const Json& page) {
    return client_.Get(std::string(kConfigMaps) +
                       "?limit=2&continue=" + page["metadata"]["continue"].get<std::string>());
  };
  const Json second = next(first).Json();
  EXPECT_THAT(NamesOf(second), ElementsAre("c", "d"));
  EXPECT_EQ(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
  const Json third = next(second).Json();
  EXPECT_THAT(NamesOf(third), ElementsAre("e"));
  EXPECT_FALSE(third["metadata"].contains("continue"));

  server_.Compact();
  const HttpReply expired = next(first);
  EXPECT_EQ(expired.status, 410);
  EXPECT_EQ(expired.Reason(), "Expired");
  // With the version forgotten, it goes on with what there is now.
  EXPECT_THAT(NamesOf(next(expired.Json()).Json()), ElementsAre("bb", "d"));
}

TEST_F(KubeServerObjectsTest, ReadsAtAVersion) {
  const std::string path = Path(kConfigMaps, "a");
  const std::string first =
      server_.Put(path, {{"data", {{"k", "1"}}}})["metadata"]["resourceVersion"];
  server_.Put(path, {{"data", {{"k", "2"}}}});
  const Json then =
      client_.Get(std::string(kConfigMaps) + "?resourceVersionMatch=Exact&resourceVersion=" + first)
          .Json();
  EXPECT_EQ(then["items"][0]["data"]["k"], "1");
  EXPECT_EQ(then["metadata"]["resourceVersion"], first);
  // Not older than.
  EXPECT_EQ(client_.Get(path + "?resourceVersion=" + first).Json()["data"]["k"], "2");
  EXPECT_EQ(client_.Get(std::string(kConfigMaps) + "?resourceVersionMatch=Exact").status, 422);
}

TEST_F(KubeServerObjectsTest, AVersionOfTheFutureIsRefusedInTheEnd) {
  KubeServer server({.cache_patience = std::chrono::milliseconds(50)});
  HttpClient client(server);
  const HttpReply reply = client.Get(std::string(kConfigMaps) + "?resourceVersion=99999999");
  EXPECT_EQ(reply.status, 504);
  EXPECT_EQ(reply.Reason(), "Timeout");
  EXPECT_THAT(reply.Message(), HasSubstr("Too large resource version: 99999999, current: "));
  EXPECT_EQ(reply.headers.at("Retry-After"), "1");
}

TEST_F(KubeServerObjectsTest, AReadWaitsForAVersionThatComes) {
  const std::string path = Path(kConfigMaps, "a");
  const Json created = server_.Put(path, {{"data", {{"k", "1"}}}});
  server_.PauseWatchCache();
  const Json changed = server_.Put(path, {{"data", {{"k", "2"}}}});
  server_.OnRequest([&](const KubeRequest&) { server_.ResumeWatchCache(); });
  const std::string version = changed["metadata"]["resourceVersion"];
  EXPECT_EQ(client_.Get(path + "?resourceVersion=" + version).Json()["data"]["k"], "2");
}

TEST_F(KubeServerObjectsTest, APutOfAMissingLeaseCreatesItUnlessItHadAUid) {
  const std::string path = Path(kLeases, "a");
  Json lease = {{"metadata", {{"name", "a"}}}, {"spec", {{"holderIdentity", "me"}}}};
  const Json created = client_.Put(path, lease).Json();
  EXPECT_EQ(created["kind"], "Lease");
  server_.Delete(path);
  const HttpReply stale = client_.Put(path, created);
  EXPECT_EQ(stale.status, 409);
  EXPECT_THAT(stale.Message(), HasSubstr("Precondition failed: UID in precondition: "));
  lease["metadata"]["resourceVersion"] = created["metadata"]["resourceVersion"];
  EXPECT_EQ(client_.Put(path, lease).status, 201);
}

TEST_F(KubeServerObjectsTest, AnObjectThatWasRecreatedIsAnotherOne) {
  const std::string path = Path(kConfigMaps, "a");
  Json first = server_.Put(path, Json::object());
  server_.Delete(path);
  const Json second = server_.Put(path, Json::object());
  EXPECT_NE(first["metadata"]["uid"], second["metadata"]["uid"]);
  first["metadata"].erase("resourceVersion");
  EXPECT_EQ(client_.Put(path, first).status, 409);
}

TEST_F(KubeServerObjectsTest, JsonPatchesApplyWholly) {
  const std::string path = Path(kConfigMaps, "a");
  server_.Put(path, {{"data", {{"k", "1"}}}});
  const auto patch = [&](const char* text) { return client_.Patch(path, Json::parse(text)); };
  EXPECT_EQ(patch(R"([{"op":"add","path":"/data/l","value":"2"},
                      {"op":"test","path":"/data/k","value":"other"}])")
                .status,
            422);
  EXPECT_FALSE(server_.Get(path)["data"].contains("l"));
  EXPECT_EQ(patch(R"([{"op":"test","path":"/data/k","value":"1"},
                      {"op":"add","path":"/metadata/labels","value":{"x":"y"}}])")
                .status,
            200);
  EXPECT_EQ(server_.Get(path)["metadata"]["labels"]["x"], "y");
  EXPECT_EQ(patch(R"([{"op":"remove","path":"/data/none"}])").status, 422);
  EXPECT_EQ(patch(R"([{"op":"replace","path":"/metadata/resourceVersion","value":"1"}])").status,
            409);
}

TEST_F(KubeServerObjectsTest, APatchThatChangesNothingKeepsTheVersion) {
  const std::string path = Path(kConfigMaps, "a");
  const Json before = server_.Put(path, {{"data", {{"k", "1"}}}});
  EXPECT_EQ(client_.Patch(path, {{"data", {{"k", "1"}}}}).Json(), before);
  // A merge patch removes by null.
  EXPECT_FALSE(client_.Patch(path, {{"data", {{"k", nullptr}}}}).Json().contains("data"));
}

TEST_F(KubeServerObjectsTest, LabelsAndAnnotationsAreValidated) {
  const auto post = [&](const char* field, const std::string& key, const std::string& value) {
    return client_.Post(kConfigMaps, {{"metadata", {{"name", "a"}, {field, {{key, value}}}}}});
  };
  EXPECT_EQ(post("labels", "x", std::string(64, 'a')).status, 422);
  EXPECT_EQ(post("labels", "x", "not this").status, 422);
  EXPECT_EQ(post("labels", "-x", "y").status, 422);
  EXPECT_EQ(post("annotations", "a/b/c", "y").status, 422);
  EXPECT_EQ(post("annotations", "x", std::string(256UL * 1024, 'a')).status, 422);
  EXPECT_EQ(post("annotations", "example.com/x", "anything at all").status, 201);
}

TEST_F(KubeServerObjectsTest, ManagersShareTheFields) {
  HttpClient one(server_, {.token = server_.token(), .user_agent = "one/1", .certificate = {}});
  HttpClient two(server_, {.token = server_.token(), .user_agent = "two/1", .certificate = {}});
  ASSERT_EQ(one.Post(kConfigMaps, {{"metadata", {{"name", "a"}}}, {"data", {{"k", "1"}}}}).status,
            201);
  const Json fields =
      two.Patch(Path(kConfigMaps, "a"), {{"metadata", {{"annotations", {{"x", "y"}}}}}})
          .Json()["metadata"]["managedFields"];
  ASSERT_EQ(fields.size(), 2U);
  EXPECT_EQ(fields[0]["manager"], "one");
  EXPECT_THAT(fields[0]["fieldsV1"].dump(),
              AllOf(HasSubstr("f:k"), ::testing::Not(HasSubstr("f:x"))));
  EXPECT_EQ(fields[1]["manager"], "two");
  EXPECT_THAT(fields[1]["fieldsV1"].dump(),
              AllOf(HasSubstr("f:x"), ::testing::Not(HasSubstr("f:k"))));
}

TEST_F(KubeServerObjectsTest, EventsHaveTwoForms) {
  const std::string fresh = "/apis/events.k8s.io/v1/namespaces/default/events";
  const std::string core = "/api/v1/namespaces/default/events";
  Json event = {{"metadata", {{"name", "e"}}},
                {"eventTime", "2026-06-06T12:00:06.000000Z"},
                {"reportingController", "monopod"},
                {"reportingInstance", "pod-a"},
                {"action", "Acquire"},
                {"reason", "LockAcquired"},
                {"type", "Normal"},
                {"note", "text"},
                {"regarding", {{"kind", "Lease"}, {"name", "a"}, {"namespace", "default"}}}};
  ASSERT_EQ(client_.Post(fresh, event).status, 201);
  const Json shown = client_.Get(core + "/e").Json();
  EXPECT_EQ(shown["message"], "text");
  EXPECT_EQ(shown["involvedObject"]["name"], "a");
  EXPECT_EQ(shown["reportingComponent"], "monopod");
  EXPECT_THAT(List("?fieldSelector=involvedObject.name%3Da", core), ElementsAre("e"));
  event["metadata"]["name"] = "f";
  event.erase("action");
  EXPECT_EQ(client_.Post(fresh, event).status, 422);
}

TEST_F(KubeServerObjectsTest, SecretsKeepTheirTexts) {
  const Json secret =
      client_
          .Post("/api/v1/namespaces/default/secrets",
                {{"metadata", {{"name", "s"}}}, {"stringData", {{"password", "geheim"}}}})
          .Json();
  EXPECT_EQ(secret["data"]["password"], "Z2VoZWlt");
  EXPECT_EQ(secret["type"], "Opaque");
}

TEST_F(KubeServerObjectsTest, ANamespaceGoesWithAllThatIsInIt) {
  server_.Put("/api/v1/namespaces/shortlived", Json::object());
  server_.Put("/api/v1/namespaces/shortlived/configmaps/a", Json::object());
  EXPECT_TRUE(server_.Delete("/api/v1/namespaces/shortlived"));
  EXPECT_THAT(List("", "/api/v1/configmaps"), IsEmpty());
  EXPECT_FALSE(server_.Delete("/api/v1/namespaces/shortlived"));
}

TEST_F(KubeServerObjectsTest, DeletesACollectionBySelector) {
  server_.Put(Path(kConfigMaps, "a"), Named("a", {{"x", "y"}}));
  server_.Put(Path(kConfigMaps, "b"), Json::object());
  EXPECT_EQ(client_.Delete(std::string(kConfigMaps) + "?labelSelector=x%3Dy").status, 200);
  EXPECT_THAT(List(""), ElementsAre("b"));
}

TEST_F(KubeServerObjectsTest, StrictValidationRefusesUnknownFields) {
  const HttpReply reply =
      client_.Post(std::string(kLeases) + "?fieldValidation=Strict",
                   {{"metadata", {{"name", "a"}}}, {"spec", {{"holder", "x"}}}});
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.Message(), HasSubstr("strict decoding error: unknown field \"spec.holder\""));
}

TEST_F(KubeServerObjectsTest, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(client_.Get("/apis/apps/v1/namespaces/default/deployments").status, 404);
  EXPECT_EQ(client_.Put(kConfigMaps, Named("a")).status, 405);
  HttpMessage message{.method = "PATCH",
                      .target = Path(kConfigMaps, "a"),
                      .body = "{}",
                      .headers = {{"Content-Type", "application/apply-patch+yaml"}}};
  EXPECT_EQ(client_.Send(message).status, 415);
  EXPECT_EQ(
      client_.Post(kConfigMaps, {{"metadata", {{"name", "a"}, {"resourceVersion", "1"}}}}).status,
      500);
  EXPECT_EQ(client_.Post(kConfigMaps, {{"metadata", {{"name", "a"}, {"namespace", "x"}}}}).status,
            400);
  EXPECT_EQ(client_.Post(kConfigMaps, {{"kind", "Lease"}, {"metadata", {{"name", "a"}}}}).status,
            400);
}

TEST_F(KubeServerObjectsTest, DiscoveryNamesTheResources) {
  const Json groups = client_.Get("/apis").Json();
  EXPECT_EQ(groups["groups"].size(), 3U);
  const Json leases = client_.Get("/apis/coordination.k8s.io/v1").Json();
  EXPECT_EQ(leases["resources"][0]["name"], "leases");
}

}  // namespace
}  // namespace monopod::testing
