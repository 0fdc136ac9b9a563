#include "src/kube/client/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>

#include "tests/support/process.h"

namespace monopod::kube {
namespace {

using monopod::testing::TemporaryDirectory;
using monopod::testing::WriteFile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using Variables = std::map<std::string, std::string>;

// "-----BEGIN CERTIFICATE-----\n" in base64.
constexpr const char* kPemData = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==";
constexpr const char* kPem = "-----BEGIN CERTIFICATE-----\n";

// A kubeconfig of one context, cluster and user, all of this name.
std::string Config(const std::string& name, const std::string& cluster = {},
                   const std::string& user = {}) {
  const std::string server = cluster.empty() ? "server: https://" + name + ".example" : cluster;
  return "kind: Config\ncurrent-context: " + name + "\ncontexts:\n- name: " + name +
         "\n  context: {cluster: " + name + ", user: " + name + "}\nclusters:\n- name: " + name +
         "\n  cluster: {" + server + "}\nusers:\n- name: " + name + "\n  user: {" +
         (user.empty() ? "token: of-" + name : user) + "}\n";
}

class AccessTest : public ::testing::Test {
 protected:
  std::string File(const std::string& name, const std::string& text) {
    std::string path = folder_.File(name);
    WriteFile(path, text);
    return path;
  }
  // What a pod has.
  Variables InPod() {
    const std::string folder = ServiceAccount();
    mkdir(folder.c_str(), 0700);
    WriteFile(folder + "/token", "pod-token\n");
    WriteFile(folder + "/ca.crt", kPem);
    WriteFile(folder + "/namespace", "of-pod\n");
    return {{"KUBERNETES_SERVICE_HOST", "10.96.0.1"}, {"KUBERNETES_SERVICE_PORT", "443"}};
  }
  std::string ServiceAccount() const { return folder_.File("serviceaccount"); }

  Result<ClusterAccess> Resolve(AccessFlags flags, const Variables& variables = {}) const {
    flags.service_account_folder = ServiceAccount();
    return ResolveAccess(flags, [variables](const char* name) {
      const auto found = variables.find(name);
      return found == variables.end() ? std::string() : found->second;
    });
  }
  // Of a kubeconfig with this text.
  Result<ClusterAccess> ResolveText(const std::string& text, const Variables& variables = {}) {
    return Resolve({.kubeconfig = File("config", text)}, variables);
  }
  void ExpectInvalid(const std::string& text, const std::string& part) {
    const auto access = ResolveText(text);
    ASSERT_FALSE(access) << text;
    EXPECT_EQ(access.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(access.error().message, HasSubstr(part));
    EXPECT_THAT(access.error().message, HasSubstr(folder_.File("config")));
  }

  const TemporaryDirectory folder_;
};

TEST_F(AccessTest, FlagWinsOverKubeconfigVariableOverPodOverHome) {
  mkdir(folder_.File(".kube").c_str(), 0700);
  File(".kube/config", Config("home"));
  const std::string flag = File("flag", Config("flag"));
  Variables variables = InPod();
  variables["HOME"] = folder_.path();
  variables["KUBECONFIG"] = File("variable", Config("variable"));
  EXPECT_EQ(Resolve({.kubeconfig = flag}, variables)->server, "https://flag.example");
  EXPECT_EQ(Resolve({}, variables)->server, "https://variable.example");
  variables.erase("KUBECONFIG");
  EXPECT_EQ(Resolve({}, variables)->server, "https://10.96.0.1:443");
  // Only a kubeconfig has contexts.
  EXPECT_EQ(Resolve({.context = "home"}, variables)->server, "https://home.example");
  variables.erase("KUBERNETES_SERVICE_HOST");
  const auto home = Resolve({}, variables);
  ASSERT_TRUE(home) << home.error().message;
  EXPECT_EQ(home->server, "https://home.example");
  EXPECT_EQ(home->origin, "context home of " + folder_.File(".kube/config"));
}

TEST_F(AccessTest, NothingAtAllNamesWhatWasLookedFor) {
  const auto access = Resolve({}, {{"HOME", folder_.path()}});
  ASSERT_FALSE(access);
  EXPECT_EQ(access.error().code, ErrorCode::kInvalidArgument);
  for (const char* part : {"--kubeconfig", "KUBECONFIG", "serviceaccount", "/.kube/config"}) {
    EXPECT_THAT(access.error().message, HasSubstr(part));
  }
}

TEST_F(AccessTest, PodHasItsServiceAccount) {
  const auto access = Resolve({}, InPod());
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->token.file, ServiceAccount() + "/token");
  EXPECT_EQ(access->tls.authorities.file, ServiceAccount() + "/ca.crt");
  EXPECT_EQ(access->namespace_, "of-pod");
  EXPECT_EQ(access->context, "");
  Variables ipv6 = InPod();
  ipv6["KUBERNETES_SERVICE_HOST"] = "fd00::1";
  EXPECT_EQ(Resolve({}, ipv6)->server, "https://[fd00::1]:443");
  EXPECT_FALSE(Resolve({}, {{"KUBERNETES_SERVICE_HOST", "10.96.0.1"}}));
}

TEST_F(AccessTest, NamespaceIsOfFlagContextOrDefault) {
  const std::string plain = File("plain", Config("a"));
  const std::string file = File("own",
                                "current-context: a\ncontexts:\n- name: a\n"
                                "  context: {cluster: a, namespace: team}\n"
                                "clusters: [{name: a, cluster: {server: 'https://a'}}]\n");
  const Variables variables = {{"POD_NAMESPACE", "of-holder"}};
  EXPECT_EQ(Resolve({.kubeconfig = plain}, variables)->namespace_, "default");
  EXPECT_EQ(Resolve({.kubeconfig = file}, variables)->namespace_, "team");
  EXPECT_EQ(Resolve({.kubeconfig = file, .namespace_ = "flag"}, variables)->namespace_, "flag");
  for (const std::string& name :
       std::vector<std::string>{"A", "a/b", "-a", "a-", "a b", std::string(64, 'a')}) {
    const auto access = Resolve({.kubeconfig = file, .namespace_ = name});
    ASSERT_FALSE(access) << name;
    EXPECT_THAT(access.error().message, HasSubstr("namespace"));
  }
}

TEST_F(AccessTest, OfSeveralFilesTheFirstThatNamesAnEntryCounts) {
  const std::string first =
      File("first",
           "contexts:\n- name: a\n  context: {cluster: shared, user: shared}\n"
           "users:\n- name: shared\n  user: {username: me, password: x}\n");
  const std::string second =
      File("second",
           "current-context: a\nclusters:\n- name: shared\n"
           "  cluster: {server: 'https://second'}\n"
           "users:\n- name: shared\n  user: {token: t, client-certificate: c}\n"
           "contexts:\n- name: a\n  context: {cluster: none}\n");
  const std::string third = File("third", Config("b"));
  const std::string list = first + "::" + folder_.File("missing") + ":" + second + ":" + third;
  const auto access = Resolve({}, {{"KUBECONFIG", list}});
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->context, "a");
  EXPECT_EQ(access->server, "https://second");
  EXPECT_EQ(access->username, "me");
  // Not even in part: the user's entry is the first file's.
  EXPECT_TRUE(access->token.empty());
  EXPECT_TRUE(access->tls.certificate.empty());
  const auto missing = Resolve({}, {{"KUBECONFIG", folder_.File("missing")}});
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("KUBECONFIG"));
}

TEST_F(AccessTest, FilesAreMeantFromTheFolderOfTheKubeconfig) {
  mkdir(folder_.File("sub").c_str(), 0700);
  File("sub/ca", kPem);
  File("sub/cert", kPem);
  File("sub/token", "t");
  const auto access =
      Resolve({.kubeconfig =
                   File("sub/config",
                        Config("a", "server: 'https://a', certificate-authority: ca",
                               "client-certificate: cert, client-key: " + folder_.File("sub/cert") +
                                   ", tokenFile: token, token: older"))});
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->tls.authorities.file, folder_.File("sub/ca"));
  EXPECT_EQ(access->tls.certificate.file, folder_.File("sub/cert"));
  EXPECT_EQ(access->tls.key.file, folder_.File("sub/cert"));
  EXPECT_EQ(access->token.file, folder_.File("sub/token"));
  EXPECT_EQ(access->token.content, "");
}

TEST_F(AccessTest, DataWinsOverFiles) {
  const std::string data = kPemData;
  const auto access = ResolveText(
      Config("a",
             "server: 'https://a', tls-server-name: other, certificate-authority: none, "
             "certificate-authority-data: " +
                 data,
             "client-certificate-data: " + data + ", client-key-data: " + data));
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->tls.authorities.content, kPem);
  EXPECT_EQ(access->tls.authorities.file, "");
  EXPECT_EQ(access->tls.certificate.content, kPem);
  EXPECT_EQ(access->tls.key.content, kPem);
  EXPECT_EQ(access->tls.server_name, "other");
}

TEST_F(AccessTest, ServerWithoutSchemeIsTlsIfTlsIsSpokenOf) {
  EXPECT_EQ(ResolveText(Config("a", "server: 'h:8080'"))->server, "http://h:8080");
  EXPECT_EQ(ResolveText(Config("a", "server: h, insecure-skip-tls-verify: true"))->server,
            "https://h");
}

TEST_F(AccessTest, ExecPluginIsTakenOver) {
  const auto access = ResolveText(Config(
      "a", "",
      "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./bin/login, args: [a, 'b c'],"
      " env: [{name: X, value: y}], installHint: get it, provideClusterInfo: true,"
      " interactiveMode: Never}"));
  ASSERT_TRUE(access) << access.error().message;
  ASSERT_TRUE(access->exec);
  EXPECT_EQ(access->exec->command, folder_.File("./bin/login"));
  EXPECT_THAT(access->exec->arguments, ElementsAre("a", "b c"));
  EXPECT_THAT(access->exec->environment, ElementsAre(Pair("X", "y")));
  EXPECT_EQ(access->exec->install_hint, "get it");
  EXPECT_TRUE(access->exec->provide_cluster_info);
}

TEST_F(AccessTest, ImpersonationBecomesHeaders) {
  const auto access = ResolveText(Config("a", "", "token: t, as: u, as-groups: [g, h]"));
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_THAT(access->impersonation,
              ElementsAre(Pair("Impersonate-User", "u"), Pair("Impersonate-Group", "g"),
                          Pair("Impersonate-Group", "h")));
}

TEST_F(AccessTest, ProxyOfTheClusterWinsOverTheEnvironment) {
  const Variables variables = {{"HTTPS_PROXY", "http://env:1"}, {"NO_PROXY", "a"}};
  EXPECT_FALSE(ResolveText(Config("a", "server: 'https://a'"), variables)->proxy);
  const auto own =
      ResolveText(Config("a", "server: 'https://a', proxy-url: 'http://own:3128'"), variables);
  ASSERT_TRUE(own && own->proxy);
  EXPECT_EQ(own->proxy->host, "own");
  EXPECT_EQ(ResolveText(Config("b"), variables)->proxy->host, "env");
  ExpectInvalid(Config("a", "server: 'https://a', proxy-url: 'socks5://p:1'"), "socks5://");
}

TEST_F(AccessTest, JsonIsUnderstood) {
  const auto access = ResolveText(
      R"({"kind":"Config","current-context":"a","contexts":[{"name":"a","context":)"
      R"({"cluster":"a"}}],"clusters":[{"name":"a","cluster":{"server":"https://a"}}]})");
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->server, "https://a");
}

TEST_F(AccessTest, MalformedFileNamesTheLine) {
  ExpectInvalid("a: [", "line ");
  ExpectInvalid("a: 1\n b: 2\n", "line 2");
  ExpectInvalid("just text", "line 1: it is no kubeconfig");
  ExpectInvalid("kind: Pod", "line 1: kind is \"Pod\", not Config");
  ExpectInvalid("clusters: x", "clusters is no list");
  ExpectInvalid("clusters:\n- cluster: {}\n", "line 2: an entry of clusters has no name");
  ExpectInvalid("clusters:\n- x\n", "is no mapping");
  ExpectInvalid("users:\n- name: a\n  user:\n    token: [secret]\n",
                "line 4: token of user \"a\" is no text");
  ExpectInvalid("users:\n- {name: a, user: {}}\n- {name: a, user: {}}\n", "there twice");
  ExpectInvalid("users:\n- {name: a, user: {client-key-data: '*'}}\n",
                "client-key-data of user \"a\" is no base64");
  ExpectInvalid("clusters:\n- {name: a, cluster: {insecure-skip-tls-verify: maybe}}\n",
                "neither true nor false");
  ExpectInvalid("users:\n- {name: a, user: {as: \"x\\ny\"}}\n", "control characters");
  ExpectInvalid("users:\n- {name: a, user: {exec: {apiVersion: v1}}}\n",
                "line 2: command of exec of user \"a\" is missing");
  ExpectInvalid("users:\n- {name: a, user: {exec: {command: x, apiVersion: v1alpha1}}}\n",
                "v1beta1");
}

TEST_F(AccessTest, MissingEntriesNameThoseThatThereAre) {
  ExpectInvalid("", "has no current-context");
  ExpectInvalid("current-context: b\ncontexts: [{name: a, context: {}}]\n",
                "has no context \"b\": there is a");
  ExpectInvalid("current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\n",
                "context \"a\" names the cluster \"c\": there is none");
  ExpectInvalid(
      "current-context: a\ncontexts: [{name: a, context: {cluster: a, user: u}}]\n"
      "clusters: [{name: a, cluster: {server: 'https://a'}}]\nusers: [{name: x}, {name: y}]\n",
      "context \"a\" names the user \"u\": there is x, y");
}

TEST_F(AccessTest, ContradictionsAreRefused) {
  ExpectInvalid(Config("a", "server: ''"), "has no server");
  ExpectInvalid(Config("a", "server: 'ftp://a'"), "https://HOST");
  ExpectInvalid(Config("a", "server: 'https://u:p@a'"), "https://HOST");
  ExpectInvalid(Config("a", "server: 'https://a b'"), "is no URL");
  ExpectInvalid(Config("a", std::string("server: 'https://a', insecure-skip-tls-verify: true, "
                                        "certificate-authority-data: ") +
                                kPemData),
                "exclude each other");
  ExpectInvalid(Config("a", "server: 'https://a', certificate-authority: none"), "No such file");
  ExpectInvalid(Config("a", "server: 'https://a', certificate-authority-data: aGVsbG8="),
                "not in PEM format");
  ExpectInvalid(Config("a", "", "client-certificate: x"), "belong together");
  ExpectInvalid(Config("a", "", "token: x, username: y"), "exclude each other");
  ExpectInvalid(Config("a", "", "tokenFile: none"), "No such file");
  ExpectInvalid(Config("a", "", "auth-provider: {name: gcp}"), "auth-provider");
}

TEST_F(AccessTest, FileThatCannotBeReadIsNamed) {
  const auto missing = Resolve({.kubeconfig = folder_.File("none")});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(missing.error().message, HasSubstr(folder_.File("none") + ": No such file"));
  const auto folder = Resolve({.kubeconfig = folder_.path()});
  ASSERT_FALSE(folder);
  EXPECT_THAT(folder.error().message, HasSubstr("Is a directory"));
  const auto large = Resolve({.kubeconfig = File("large", std::string(5U << 20, ' '))});
  ASSERT_FALSE(large);
  EXPECT_THAT(large.error().message, HasSubstr("too large"));
}

}  // namespace
}  // namespace monopod::kube
