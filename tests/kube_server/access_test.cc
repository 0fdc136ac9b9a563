// Who may do what on the test server.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kube_server/http_client.h"

namespace monopod::testing {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr char kLeases[] = "/apis/coordination.k8s.io/v1/namespaces/default/leases";

class KubeServerAccessTest : public ::testing::Test {
 protected:
  KubeServerAccessTest() {
    server_.AddUser({.name = "locker",
                     .token = "first",
                     .rules = {{.verbs = {"get", "update", "watch"},
                                .resources = {"leases"},
                                .resource_names = {"mine"},
                                .name_space = "default"}}});
    for (const char* name : {"mine", "other"}) {
      server_.Put(Path(name), {{"spec", {{"holderIdentity", "x"}}}});
    }
  }
  static std::string Path(const std::string& name) { return std::string(kLeases) + "/" + name; }
  int StatusOf(const std::string& token, const std::string& target) {
    HttpClient client(server_, {.token = token, .user_agent = {}, .certificate = {}});
    return client.Open({.target = target}).status;
  }

  KubeServer server_;
};

TEST_F(KubeServerAccessTest, ARuleIsForItsVerbsNamesAndNamespace) {
  HttpClient client(server_, {.token = "first", .user_agent = {}, .certificate = {}});
  const HttpReply lease = client.Get(Path("mine"));
  EXPECT_EQ(lease.status, 200);
  EXPECT_EQ(client.Put(Path("mine"), lease.Json()).status, 200);
  EXPECT_EQ(client.Delete(Path("mine")).status, 403);
  EXPECT_EQ(client.Post(kLeases, {{"metadata", {{"name", "mine"}}}}).status, 403);
  EXPECT_EQ(client.Get("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/mine").status,
            403);
  EXPECT_EQ(client.Get("/api/v1/namespaces/default/configmaps/mine").status, 403);
  const HttpReply other = client.Get(Path("other"));
  EXPECT_EQ(other.status, 403);
  EXPECT_EQ(
      other.Message(),
      "leases.coordination.k8s.io \"other\" is forbidden: User \"locker\" cannot get resource "
      "\"leases\" in API group \"coordination.k8s.io\" in the namespace \"default\"");
}

TEST_F(KubeServerAccessTest, AWatchIsOfTheNameThatItSelects) {
  const std::string watch = std::string(kLeases) + "?watch=1";
  EXPECT_EQ(StatusOf("first", watch + "&fieldSelector=metadata.name%3Dmine"), 200);
  EXPECT_EQ(StatusOf("first", watch + "&fieldSelector=metadata.name%3Dother"), 403);
  EXPECT_EQ(StatusOf("first", watch), 403);
}

TEST_F(KubeServerAccessTest, ListingAllNamespacesIsAtTheClusterScope) {
  HttpClient client(server_, {.token = "first", .user_agent = {}, .certificate = {}});
  const HttpReply reply = client.Get("/apis/coordination.k8s.io/v1/leases");
  EXPECT_EQ(reply.status, 403);
  EXPECT_THAT(reply.Message(), HasSubstr("cannot list resource \"leases\" in API group "
                                         "\"coordination.k8s.io\" at the cluster scope"));
  server_.SetRules("locker",
                   {{.verbs = {"*"}, .resources = {"*"}, .resource_names = {}, .name_space = ""}});
  EXPECT_EQ(client.Get("/apis/coordination.k8s.io/v1/leases").status, 200);
}

TEST_F(KubeServerAccessTest, CreatingByPutNeedsTheRightToCreate) {
  HttpClient client(server_, {.token = "first", .user_agent = {}, .certificate = {}});
  server_.Delete(Path("mine"));
  const HttpReply reply = client.Put(Path("mine"), {{"metadata", {{"name", "mine"}}}});
  EXPECT_EQ(reply.status, 403);
  EXPECT_THAT(reply.Message(), HasSubstr("cannot create resource \"leases\""));
}

TEST_F(KubeServerAccessTest, AReplacedTokenIsRefused) {
  EXPECT_EQ(StatusOf("first", Path("mine")), 200);
  server_.SetToken("locker", "second");
  EXPECT_EQ(StatusOf("first", Path("mine")), 401);
  EXPECT_EQ(StatusOf("second", Path("mine")), 200);
}

TEST_F(KubeServerAccessTest, AClientCertificateNamesItsUser) {
  const CertificateFiles own = server_.ClientCertificate("locker");
  HttpClient client(server_, {.token = {}, .user_agent = {}, .certificate = own});
  EXPECT_EQ(client.Get(Path("mine")).status, 200);
  EXPECT_EQ(client.Get(Path("other")).status, 403);
  // A token goes first.
  HttpClient wrong(server_, {.token = "wrong", .user_agent = {}, .certificate = own});
  EXPECT_EQ(wrong.Get(Path("mine")).status, 401);
}

TEST_F(KubeServerAccessTest, ACertificateOfSomebodyElseIsWorthNothing) {
  CertificateAuthority stranger;
  HttpClient client(
      server_, {.token = {}, .user_agent = {}, .certificate = stranger.Issue({.name = "locker"})});
  const HttpReply reply = client.Get(Path("mine"));
  EXPECT_EQ(reply.status, 403);
  EXPECT_THAT(reply.Message(), HasSubstr("User \"system:anonymous\""));
}

TEST_F(KubeServerAccessTest, AReviewTellsWhatIsAllowed) {
  HttpClient client(server_, {.token = "first", .user_agent = {}, .certificate = {}});
  const auto allowed = [&](const char* verb, const char* name) -> bool {
    return client
        .Post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
              {{"spec",
                {{"resourceAttributes",
                  {{"verb", verb},
                   {"name", name},
                   {"namespace", "default"},
                   {"group", "coordination.k8s.io"},
                   {"resource", "leases"}}}}}})
        .Json()["status"]["allowed"];
  };
  EXPECT_TRUE(allowed("update", "mine"));
  EXPECT_FALSE(allowed("update", "other"));
  EXPECT_FALSE(allowed("create", "mine"));
}

TEST_F(KubeServerAccessTest, TheVersionIsForAll) {
  EXPECT_EQ(StatusOf("", "/version"), 200);
  EXPECT_EQ(StatusOf("", "/readyz"), 200);
  EXPECT_EQ(StatusOf("", "/apis"), 403);
  EXPECT_EQ(StatusOf("wrong", "/version"), 401);
}

TEST_F(KubeServerAccessTest, TheKubeconfigSaysHowToReachIt) {
  const Json config = Json::parse(ReadFile(server_.kubeconfig_file()));
  EXPECT_EQ(config["clusters"][0]["cluster"]["server"], server_.url());
  EXPECT_EQ(config["users"][0]["user"]["token"], server_.token());
  EXPECT_EQ(config["contexts"][0]["context"]["namespace"], "default");
  EXPECT_THAT(server_.Kubeconfig("locker"), HasSubstr("first"));
}

}  // namespace
}  // namespace monopod::testing
