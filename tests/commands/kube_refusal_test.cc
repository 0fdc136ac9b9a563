// An API server that cannot be reached, whose word does not count, or objects that are no locks:
// each case its exit code, a message that says what is wrong and where, within --store-timeout.
#include <nlohmann/json.hpp>

#include "src/base/clock.h"
#include "tests/commands/kube_fixture.h"
#include "tests/support/certificates.h"
#include "tests/support/http_script_server.h"
#include "tests/support/tcp_relay.h"

namespace monopod::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr const char* kNobody = "{token: t}";

class KubeRefusalTest : public KubeCommandTest {
 protected:
  using KubeCommandTest::KubeCommandTest;

  struct Refusal {
    int code;
    std::vector<std::string> says;
  };
  void ExpectOf(const Arguments& command, const Refusal& refusal) const {
    const BootTime begun = BootClock::now();
    const Ended ended = Finish(command);
    EXPECT_LT(BootClock::now() - begun, 4s) << command.front();
    EXPECT_EQ(ended.code, refusal.code) << command.front() << ": " << ended.err;
    for (const std::string& text : refusal.says) EXPECT_THAT(ended.err, HasSubstr(text));
    EXPECT_EQ(ended.out, "");
  }
  static Arguments RunIt(const Arguments& flags = {}) {
    return Words(Words({"run", "x", "--store-timeout", "2s"}, flags), {"--", "echo", "never"});
  }
  // Of those who claim and of those who only ask.
  void Expect(const Refusal& refusal) const {
    ExpectOf(RunIt(), refusal);
    ExpectOf({"status", "x", "--store-timeout", "2s"}, refusal);
    ExpectOf({"ls", "--store-timeout", "2s"}, refusal);
  }
};

TEST_F(KubeRefusalTest, NobodyListens) {
  LogIn({.url = "https://127.0.0.1:1", .authority = "", .user = kNobody});
  Expect({69, {"127.0.0.1:1", "refused"}});
}

TEST_F(KubeRefusalTest, SomebodyListensAndNeverAnswers) {
  TcpRelay relay(server_.port());
  relay.Set(TcpRelay::Mode::kSilent);
  LogIn({.url = "https://" + relay.endpoint(), .authority = server_.ca_file(), .user = kNobody});
  Expect({69, {relay.endpoint()}});
}

TEST_F(KubeRefusalTest, AServerThatTookTheRequestNeverAnswers) {
  server_.SetFaults({.delay = 1min});
  Expect({69, {server_.url(), "no answer came"}});
}

TEST_F(KubeRefusalTest, WhatAnswersDoesNotSpeakHttp) {
  const TcpRelay relay("220 mail.example ESMTP\r\n");
  LogIn({.url = "http://" + relay.endpoint(), .authority = "", .user = kNobody});
  Expect({69, {relay.endpoint()}});
}

TEST_F(KubeRefusalTest, WhatAnswersDoesNotSpeakTls) {
  const TcpRelay relay("220 mail.example ESMTP\r\n");
  LogIn({.url = "https://" + relay.endpoint(), .authority = server_.ca_file(), .user = kNobody});
  Expect({69, {relay.endpoint()}});
}

TEST_F(KubeRefusalTest, WhatAnswersIsNoApiServer) {
  const HttpScriptServer pages(AlwaysAnswer(HttpAnswer(404, "<html>Not here</html>")));
  LogIn({.url = pages.url(), .authority = "", .user = kNobody});
  Expect({69, {"perhaps it is no Kubernetes API server", "Not here"}});
}

TEST_F(KubeRefusalTest, WhatAnswersHasAPageForEverything) {
  const HttpScriptServer pages(AlwaysAnswer(HttpAnswer(200, "<html>Please log in</html>")));
  LogIn({.url = pages.url(), .authority = "", .user = kNobody});
  Expect({69, {"answer is no object"}});
}

TEST_F(KubeRefusalTest, AnotherAuthoritysCertificateIsDenied) {
  const CertificateAuthority other;
  LogIn({.url = server_.url(), .authority = other.file(), .user = kNobody});
  Expect({77, {server_.url(), "certificate is not trusted"}});
}

TEST_F(KubeRefusalTest, AnExpiredCertificateIsDenied) {
  CertificateAuthority authority;
  const HttpScriptServer late(AlwaysAnswer(HttpAnswer(200, "{}")),
                              {.certificate = authority.Issue({.expired = true}),
                               .starts_plain = false,
                               .client_authority = {}});
  LogIn({.url = late.url(), .authority = authority.file(), .user = kNobody});
  Expect({77, {late.url(), "certificate has expired"}});
}

TEST_F(KubeRefusalTest, AnUnknownTokenIsDenied) {
  LogIn({.url = server_.url(), .authority = server_.ca_file(), .user = "{token: wrong}"});
  Expect({77, {"does not accept the credentials", "configmaps"}});
}

TEST_F(KubeRefusalTest, AMissingContextNamesThoseThatThereAre) {
  LogIn({.url = server_.url(), .authority = server_.ca_file(), .user = kNobody});
  ExpectOf(RunIt({"--context", "prod"}),
           {64, {kubeconfig(), "has no context \\\"prod\\\": there is a"}});
}

TEST_F(KubeRefusalTest, AMissingKubeconfigIsNamed) {
  const std::string file = directory_.File("none");
  ExpectOf(RunIt({"--kubeconfig", file}), {64, {file + ": No such file"}});
  setenv("KUBECONFIG", file.c_str(), 1);
  ExpectOf(RunIt(), {64, {"KUBECONFIG names no file that is there", file}});
}

TEST_F(KubeRefusalTest, AMissingNamespaceIsNamed) {
  ExpectOf(RunIt({"-n", "nowhere"}), {64, {"the namespace \\\"nowhere\\\" does not exist"}});
  ExpectOf(RunIt({"--store", "lease:nowhere"}),
           {64, {"the namespace \\\"nowhere\\\" does not exist"}});
}

TEST_F(KubeRefusalTest, TwoNamespacesAreOneTooMany) {
  ExpectOf(RunIt({"--store", "lease:default", "-n", "kube-system"}),
           {64, {"two namespaces are named", "default", "kube-system"}});
}

TEST_F(KubeRefusalTest, AnImmutableConfigMapIsRefusedAndKept) {
  const Json before =
      server_.Put(PathOf("x"), {{"apiVersion", "v1"},
                                {"kind", "ConfigMap"},
                                {"metadata", {{"name", "x"}, {"namespace", "default"}}},
                                {"immutable", true}});
  ExpectOf(RunIt(), {64, {"ConfigMap default/x", "is immutable"}});
  EXPECT_EQ(server_.Get(PathOf("x")), before);
}

TEST_F(KubeRefusalTest, SomebodysConfigurationIsRefusedAndKept) {
  const Json before =
      server_.Put(PathOf("x"), {{"apiVersion", "v1"},
                                {"kind", "ConfigMap"},
                                {"metadata", {{"name", "x"}, {"namespace", "default"}}},
                                {"data", {{"color", "blue"}}}});
  ExpectOf(RunIt(), {64, {"ConfigMap default/x", "is no lock"}});
  EXPECT_EQ(server_.Get(PathOf("x")), before);
}

class KubeLeaseRefusalTest : public KubeRefusalTest {
 protected:
  KubeLeaseRefusalTest() : KubeRefusalTest("lease") {}

  void ExpectRefused(const Json& spec, const std::string& field) {
    const Json before = server_.Put(PathOf("x"), {{"apiVersion", "coordination.k8s.io/v1"},
                                                  {"kind", "Lease"},
                                                  {"metadata", {{"name", "x"}}},
                                                  {"spec", spec}});
    ExpectOf(RunIt(), {64, {"Lease default/x", field, "coordinated leader election"}});
    EXPECT_EQ(server_.Get(PathOf("x")), before);
  }
};

TEST_F(KubeLeaseRefusalTest, ALeaseOfCoordinatedLeaderElectionIsRefusedAndKept) {
  ExpectRefused({{"strategy", "OldestEmulationVersion"}}, "spec.strategy");
  ExpectRefused({{"strategy", "OldestEmulationVersion"}, {"preferredHolder", "a"}},
                "spec.strategy");
}

TEST_F(KubeLeaseRefusalTest, ATtlThatElectorsCannotSeeIsRefused) {
  ExpectOf(RunIt({"--ttl", "6s"}), {64, {"the TTL 6s is not allowed"}});
  EXPECT_TRUE(server_.Get(PathOf("x")).is_null());
}

}  // namespace
}  // namespace monopod::testing
