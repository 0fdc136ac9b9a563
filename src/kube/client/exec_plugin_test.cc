#include "src/kube/client/exec_plugin.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "tests/support/kube_client.h"

namespace monopod::kube {
namespace {

using monopod::testing::AlwaysAnswer;
using monopod::testing::CertificateAuthority;
using monopod::testing::Eventually;
using monopod::testing::HttpAnswer;
using monopod::testing::HttpScriptServer;
using monopod::testing::ReadFile;
using monopod::testing::ScriptPeer;
using monopod::testing::TemporaryDirectory;
using monopod::testing::WriteFile;
using ::testing::HasSubstr;

constexpr const char* kVersion = "client.authentication.k8s.io/v1";

std::string Printed(const std::string& status) {
  return std::string(R"({"kind":"ExecCredential","apiVersion":")") + kVersion + R"(","status":{)" +
         status + "}}";
}

class ExecPluginTest : public ::testing::Test {
 protected:
  // A command that runs this script.
  ExecPlugin Plugin(const std::string& script) const {
    const std::string path = folder_.File("login");
    WriteFile(path, "#!/bin/sh\n" + script);
    chmod(path.c_str(), 0700);
    return {.command = path,
            .arguments = {"first", "se cond"},
            .environment = {},
            .api_version = kVersion,
            .install_hint = {}};
  }
  // One that prints this and counts how often it ran.
  ExecPlugin Printing(const std::string& text) const {
    return Plugin("echo >> " + folder_.File("runs") + "\ncat <<'END'\n" + text + "\nEND\n");
  }
  std::size_t Runs() const { return ReadFile(folder_.File("runs")).size(); }

  static Result<ExecCredential> Run(const ExecPlugin& plugin, BootTime deadline = Soon()) {
    return RunExecPlugin(plugin, "{}", deadline);
  }
  static void ExpectError(const Result<ExecCredential>& result, ErrorCode code,
                          const std::string& part) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, code) << result.error().message;
    EXPECT_THAT(result.error().message, HasSubstr(part));
  }

  std::shared_ptr<Api> ClientWith(const HttpScriptServer& server, const ExecPlugin& plugin) const {
    ClusterAccess access = AccessTo(server.url());
    access.exec = plugin;
    return MakeClient(access);
  }

  const TemporaryDirectory folder_;
};

TEST_F(ExecPluginTest, CredentialIsWhatItPrints) {
  const auto credential =
      Run(Printing(Printed(R"("token":"t","expirationTimestamp":"2026-11-21T10:00:00+02:00")")));
  ASSERT_TRUE(credential) << credential.error().message;
  EXPECT_EQ(credential->token, "t");
  EXPECT_EQ(FormatWallTime(*credential->expiration), "2026-11-21T08:00:00.000000Z");
}

TEST_F(ExecPluginTest, CommandGetsArgumentsAndEnvironmentAndNoInput) {
  ExecPlugin plugin = Plugin(
      "read line && exit 9\n"
      "[ \"$2\" = 'se cond' ] && [ \"$ADDED\" = 'a b' ] && [ -n \"$PATH\" ] || exit 8\n"
      "printf '%s' \"$KUBERNETES_EXEC_INFO\" > " +
      folder_.File("info") +
      "\n"
      "cat <<'END'\n" +
      Printed(R"("token":"t")") + "\nEND\n");
  plugin.environment = {{"ADDED", "a b"}};
  plugin.provide_cluster_info = true;
  ClusterAccess access = AccessTo("https://a");
  access.tls.authorities.content = "pem";
  const auto info = ExecInfo(plugin, access);
  ASSERT_TRUE(info);
  const auto credential = RunExecPlugin(plugin, *info, Soon());
  ASSERT_TRUE(credential) << credential.error().message;
  EXPECT_EQ(ReadFile(folder_.File("info")),
            R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":)"
            R"({"cluster":{"certificate-authority-data":"cGVt","server":"https://a"},)"
            R"("interactive":false}})");
}

TEST_F(ExecPluginTest, FailureIsDeniedWithItsComplaint) {
  ExpectError(Run(Plugin("echo 'log in first' >&2; exit 3")), ErrorCode::kDenied,
              "failed with exit code 3: log in first");
  ExpectError(Run(Plugin("kill -9 $$")), ErrorCode::kDenied, "failed with signal 9");
}

TEST_F(ExecPluginTest, MissingCommandShowsTheHint) {
  ExecPlugin plugin{.command = "no-such-login-command",
                    .arguments = {},
                    .environment = {},
                    .api_version = kVersion,
                    .install_hint = "get it from example.com"};
  ExpectError(Run(plugin), ErrorCode::kDenied,
              "no-such-login-command cannot be run: No such file or directory\n"
              "get it from example.com");
}

TEST_F(ExecPluginTest, HangingOneIsKilledWithWhatItStarted) {
  const std::string held = folder_.File("held");
  ASSERT_EQ(mkfifo(held.c_str(), 0600), 0);
  const int reader = open(held.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  const ExecPlugin plugin =
      Plugin("exec 3>" + held +
             "\necho x >&3\ntail -f /dev/null >/dev/null 2>&1 &\necho hanging >&2\nwait\n");
  std::string seen;
  // Again with more time, should it not have come so far.
  for (std::chrono::milliseconds patience(200); seen.empty(); patience *= 2) {
    ExpectError(Run(plugin, BootClock::now() + patience), ErrorCode::kUnavailable,
                "did not end in time");
    // The pipe ends when nobody holds it any more.
    ASSERT_TRUE(Eventually([&] {
      std::array<char, 16> buffer{};
      const ssize_t count = read(reader, buffer.data(), buffer.size());
      if (count > 0) seen.append(buffer.data(), static_cast<std::size_t>(count));
      return count == 0;
    }));
  }
  EXPECT_EQ(seen, "x\n");
  close(reader);
}

TEST_F(ExecPluginTest, WhatItLeavesBehindIsNotWaitedFor) {
  const std::string held = folder_.File("held");
  ASSERT_EQ(mkfifo(held.c_str(), 0600), 0);
  const auto credential =
      Run(Plugin("cat " + held + " &\ncat <<'END'\n" + Printed(R"("token":"t")") + "\nEND\n"));
  ASSERT_TRUE(credential) << credential.error().message;
  EXPECT_EQ(credential->token, "t");
  WriteFile(held, "");  // lets it end
}

TEST_F(ExecPluginTest, NonsenseIsDeniedAndNotQuoted) {
  const std::pair<std::string, std::string> cases[] = {
      {"secret", "no JSON object"},
      {"[]", "no JSON object"},
      {R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1"})",
       "no ExecCredential of client.authentication.k8s.io/v1"},
      {R"({"kind":"Pod","apiVersion":"client.authentication.k8s.io/v1"})", "no ExecCredential"},
      {R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1"})", "no status"},
      {Printed(""), "neither a token nor a certificate"},
      {Printed(R"("clientCertificateData":"secret")"), "a certificate without a key"},
      {Printed(R"("token":"secret","expirationTimestamp":"soon")"), "is no time"},
  };
  for (const auto& [text, part] : cases) {
    const auto credential = Run(Printing(text));
    ExpectError(credential, ErrorCode::kDenied, part);
    EXPECT_EQ(credential.error().message.find("secret"), std::string::npos);
  }
}

TEST_F(ExecPluginTest, ClientRunsItOnceWhileItsTokenServes) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}")));
  const auto api = ClientWith(server, Printing(Printed(R"("token":"t")")));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Put(*api));
  EXPECT_EQ(Runs(), 1);
  EXPECT_THAT(server.requests().at(2), HasSubstr("\r\nAuthorization: Bearer t\r\n"));
}

TEST_F(ExecPluginTest, ClientRunsItAgainWhenItsTokenHasExpired) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}")));
  const auto api = ClientWith(
      server, Printing(Printed(R"("token":"t","expirationTimestamp":"2020-01-01T00:00:00Z")")));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(Put(*api));
  EXPECT_EQ(Runs(), 2);
}

TEST_F(ExecPluginTest, ClientRunsItAgainAfter401) {
  // A token for each run: the number of those before.
  const ExecPlugin plugin =
      Plugin("n=$(cat " + folder_.File("runs") + " | wc -l); echo >> " + folder_.File("runs") +
             "\ncat <<END\n" + Printed(R"("token":"t$n")") + "\nEND\n");
  WriteFile(folder_.File("runs"), "");
  HttpScriptServer server([](ScriptPeer& peer) {
    while (true) {
      const std::string request = peer.ReadRequest();
      if (request.empty()) return;
      const bool is_fine = request.find("Bearer t1\r\n") != std::string::npos;
      peer.Send(HttpAnswer(is_fine ? 200 : 401, "{}"));
    }
  });
  const auto api = ClientWith(server, plugin);
  EXPECT_EQ(Put(*api).value_or(Response{}).status, 200);
  EXPECT_EQ(Put(*api).value_or(Response{}).status, 200);
  EXPECT_EQ(Runs(), 2);
  EXPECT_EQ(server.requests().size(), 3);
}

TEST_F(ExecPluginTest, RefusedForGoodIsAnAnswer) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(401, "{}")));
  const auto api = ClientWith(server, Printing(Printed(R"("token":"t")")));
  EXPECT_EQ(Put(*api).value_or(Response{}).status, 401);
  EXPECT_EQ(server.requests().size(), 1);
  EXPECT_EQ(Runs(), 2);
}

TEST_F(ExecPluginTest, CallEndsAtItsDeadlineAndALaterOneProfits) {
  const std::string held = folder_.File("held");
  ASSERT_EQ(mkfifo(held.c_str(), 0600), 0);
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}")));
  const auto api =
      ClientWith(server, Plugin("echo >> " + folder_.File("runs") + "\ncat " + held +
                                "\ncat <<'END'\n" + Printed(R"("token":"t")") + "\nEND\n"));
  const auto late = Put(*api, Shortly());
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(late.error().message, HasSubstr("is not done yet"));
  WriteFile(held, "");  // lets it end
  const auto response = Put(*api);
  EXPECT_TRUE(response) << response.error().message;
  EXPECT_EQ(Runs(), 1);
}

TEST_F(ExecPluginTest, ClientShowsItsCertificate) {
  CertificateAuthority authority;
  const auto files = authority.Issue();
  const auto as_json = [](const std::string& path) {
    std::string text;
    for (const char c : ReadFile(path)) text += c == '\n' ? std::string("\\n") : std::string(1, c);
    return text;
  };
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}")),
                          {.certificate = files, .client_authority = authority.file()});
  ClusterAccess access = AccessTo(server.url());
  access.tls.authorities.file = authority.file();
  access.exec = Printing(Printed(R"("clientCertificateData":")" + as_json(files.certificate) +
                                 R"(","clientKeyData":")" + as_json(files.key) + "\""));
  const auto api = MakeClient(access);
  for (int i = 0; i < 2; ++i) {
    const auto response = Put(*api);
    EXPECT_TRUE(response) << response.error().message;
  }
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(Runs(), 1);
}

}  // namespace
}  // namespace monopod::kube
