// Users, rights and certificates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>

#include "tests/support/certificates.h"
#include "tests/support/etcd_client.h"
#include "tests/support/etcd_server.h"

namespace monopod::etcd {
namespace {

using namespace std::chrono_literals;
using monopod::testing::CertificateAuthority;
using monopod::testing::CertificateFiles;
using monopod::testing::ClientOf;
using monopod::testing::Etcdctl;
using monopod::testing::EtcdServer;
using monopod::testing::Eventually;
using monopod::testing::In;
using monopod::testing::RandomLease;
using monopod::testing::Soon;
using ::testing::AllOf;
using ::testing::HasSubstr;

Result<TransactionReply> PutAt(Api& api, const std::string& key) {
  return api.Transact({.compares = {}, .then = {Put{key, "1"}}}, Soon());
}

std::unique_ptr<Client> ClientAs(const EtcdServer& server, const std::string& user,
                                 const std::string& password) {
  return MakeClient({.endpoints = {server.endpoint()}, .user = user, .password = password});
}

// A user "me" who may do anything below "mine/".
void EnableAuthentication(const EtcdServer& server) {
  const std::string endpoint = server.endpoint();
  Etcdctl(endpoint, {"user", "add", "root:rootpw"});
  Etcdctl(endpoint, {"user", "grant-role", "root", "root"});
  Etcdctl(endpoint, {"role", "add", "mine"});
  Etcdctl(endpoint, {"role", "grant-permission", "mine", "--prefix=true", "readwrite", "mine/"});
  Etcdctl(endpoint, {"user", "add", "me:secret"});
  Etcdctl(endpoint, {"user", "grant-role", "me", "mine"});
  Etcdctl(endpoint, {"auth", "enable"});
}

TEST(LoginTest, UserDoesWhatTheRightsAllow) {
  const EtcdServer server;
  EnableAuthentication(server);
  const auto client = ClientAs(server, "me", "secret");
  const auto put = PutAt(*client, "mine/a");
  ASSERT_TRUE(put) << put.error().message;
  const auto denied = PutAt(*client, "theirs/a");
  EXPECT_EQ(denied.error().code, ErrorCode::kDenied);
  EXPECT_THAT(denied.error().message,
              AllOf(HasSubstr(server.endpoint()), HasSubstr("permission denied")));
  const LeaseId lease = RandomLease();
  EXPECT_TRUE(client->Grant(lease, 10s, Soon()));
  EXPECT_TRUE(client->KeepAlive(lease, Soon()));
  EXPECT_TRUE(client->Revoke(lease, Soon()));
}

TEST(LoginTest, WrongPasswordIsDenied) {
  const EtcdServer server;
  EnableAuthentication(server);
  for (const char* user : {"me", "nobody"}) {
    const auto put = PutAt(*ClientAs(server, user, "wrong"), "mine/a");
    EXPECT_EQ(put.error().code, ErrorCode::kDenied) << put.error().message;
    EXPECT_THAT(put.error().message, AllOf(HasSubstr("login"), HasSubstr("invalid user")));
  }
}

TEST(LoginTest, MissingUserIsDenied) {
  const EtcdServer server;
  EnableAuthentication(server);
  const auto put = PutAt(*ClientOf({server.endpoint()}), "mine/a");
  EXPECT_EQ(put.error().code, ErrorCode::kDenied) << put.error().message;
  EXPECT_THAT(put.error().message, HasSubstr("wants a user"));
}

TEST(LoginTest, UserWithoutAuthenticationIsDenied) {
  const EtcdServer server;
  const auto put = PutAt(*ClientAs(server, "me", "secret"), "mine/a");
  EXPECT_EQ(put.error().code, ErrorCode::kDenied) << put.error().message;
  EXPECT_THAT(put.error().message, HasSubstr("authentication is not enabled"));
}

TEST(LoginTest, ForgottenTokenIsReplaced) {
  EtcdServer server;
  EnableAuthentication(server);
  const auto client = ClientAs(server, "me", "secret");
  const auto before = PutAt(*client, "mine/a");
  ASSERT_TRUE(before) << before.error().message;
  // Tokens live in the memory of the server.
  server.Kill();
  server.Start();
  ASSERT_TRUE(Eventually([&] {
    const auto read = client->Transact({.compares = {}, .then = {Range{"mine/a"}}}, Soon());
    return read.has_value();
  }));
  const auto after = PutAt(*client, "mine/a");
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(after->revision, before->revision + 1);
}

TEST(LoginTest, TokenOlderThanTheRightsIsReplaced) {
  const EtcdServer server;
  EnableAuthentication(server);
  const auto client = ClientAs(server, "me", "secret");
  ASSERT_TRUE(PutAt(*client, "mine/a"));
  Etcdctl(server.endpoint(), {"--user=root:rootpw", "role", "add", "another"});
  const auto put = PutAt(*client, "mine/a");
  EXPECT_TRUE(put) << put.error().message;
}

TEST(LoginTest, TokenThatRanOutIsReplaced) {
  const EtcdServer server({.flags = {"--auth-token-ttl=1"}});
  EnableAuthentication(server);
  const auto client = ClientAs(server, "me", "secret");
  ASSERT_TRUE(PutAt(*client, "mine/a"));
  const BootTime later = In(2500ms);
  ASSERT_TRUE(Eventually([&] { return BootClock::now() > later; }));
  const auto put = PutAt(*client, "mine/a");
  EXPECT_TRUE(put) << put.error().message;
}

TEST(LoginTest, WatchGoesOnAfterTheTokenIsForgotten) {
  EtcdServer server;
  EnableAuthentication(server);
  const auto client = ClientAs(server, "me", "secret");
  std::mutex mutex;
  std::condition_variable changed;
  int started = 0;
  int events = 0;
  const auto watch = client->StartWatch("mine/a", "", [&](const WatchReport& report) {
    const std::lock_guard lock(mutex);
    if (report.kind == WatchReport::Kind::kStarted) ++started;
    events += static_cast<int>(report.events.size());
    changed.notify_all();
  });
  const auto await = [&](const auto& done) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, monopod::testing::kPatience, done);
  };
  ASSERT_TRUE(await([&] { return started == 1; }));
  server.Kill();
  server.Start();
  ASSERT_TRUE(await([&] { return started == 2; }));
  ASSERT_TRUE(PutAt(*client, "mine/a"));
  EXPECT_TRUE(await([&] { return events == 1; }));
}

TEST(LoginTest, WatchWithoutTheRightNeverStartsAndHindersNoOtherForLong) {
  const EtcdServer server;
  EnableAuthentication(server);
  const auto client = ClientAs(server, "me", "secret");
  std::atomic<int> denied = 0;
  std::atomic<int> events = 0;
  const auto theirs = client->StartWatch("theirs/a", "", [&](const WatchReport&) { ++denied; });
  const auto mine = client->StartWatch("mine/a", "", [&](const WatchReport& report) {
    events += static_cast<int>(report.events.size());
  });
  EXPECT_TRUE(Eventually([&] { return PutAt(*client, "mine/a") && events > 0; }));
  EXPECT_EQ(denied, 0);
}

// A server with a certificate, and whoever is to trust it.
struct TlsServer {
  explicit TlsServer(const monopod::testing::CertificateOptions& certificate = {},
                     bool asks_clients = false)
      : files(authority.Issue(certificate)), server(Options(*this, asks_clients)) {}

  static monopod::testing::EtcdOptions Options(const TlsServer& self, bool asks_clients) {
    monopod::testing::EtcdOptions options{
        .flags = {"--cert-file=" + self.files.certificate, "--key-file=" + self.files.key},
        .tls = true};
    if (asks_clients) {
      options.flags.emplace_back("--client-cert-auth");
      options.flags.push_back("--trusted-ca-file=" + self.authority.file());
    }
    return options;
  }
  Result<TransactionReply> PutWith(const TlsOptions& tls) const {
    const auto client = MakeClient({.endpoints = {server.endpoint()}, .use_tls = true, .tls = tls});
    return PutAt(*client, "a");
  }

  CertificateAuthority authority;
  CertificateFiles files;
  EtcdServer server;
};

TlsOptions Certified(const CertificateAuthority& authority, const CertificateFiles& files) {
  return {
      .ca_file = authority.file(), .certificate_file = files.certificate, .key_file = files.key};
}

void ExpectDenied(const TlsServer& tls, const Result<TransactionReply>& put,
                  const std::string& reason) {
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kDenied) << put.error().message;
  EXPECT_THAT(put.error().message, AllOf(HasSubstr(tls.server.endpoint()), HasSubstr(reason)));
}

TEST(TlsTest, TrustedServerIsTalkedTo) {
  const TlsServer tls;
  const auto put = tls.PutWith({.ca_file = tls.authority.file()});
  EXPECT_TRUE(put) << put.error().message;
}

TEST(TlsTest, UntrustedServerIsDenied) {
  const TlsServer tls;
  const CertificateAuthority other;
  ExpectDenied(tls, tls.PutWith({.ca_file = other.file()}), "certificate is not trusted");
  // The system's authorities do not know it either.
  ExpectDenied(tls, tls.PutWith({}), "certificate is not trusted");
}

TEST(TlsTest, ExpiredCertificateIsDenied) {
  const TlsServer tls({.expired = true});
  ExpectDenied(tls, tls.PutWith({.ca_file = tls.authority.file()}), "certificate has expired");
}

TEST(TlsTest, CertificateForAnotherHostIsDenied) {
  const TlsServer tls({.alternatives = "DNS:elsewhere.example"});
  ExpectDenied(tls, tls.PutWith({.ca_file = tls.authority.file()}), "mismatch");
}

TEST(TlsTest, VerificationCanBeSkipped) {
  const TlsServer tls({.expired = true});
  const auto put = tls.PutWith({.skip_verification = true});
  EXPECT_TRUE(put) << put.error().message;
}

TEST(TlsTest, ServerThatAsksForACertificateTakesOneThatItTrusts) {
  TlsServer tls({}, /*asks_clients=*/true);
  const auto put = tls.PutWith(Certified(tls.authority, tls.authority.Issue()));
  EXPECT_TRUE(put) << put.error().message;
  auto unverified = Certified(tls.authority, tls.authority.Issue());
  unverified.skip_verification = true;
  EXPECT_TRUE(tls.PutWith(unverified));
}

TEST(TlsTest, MissingOrUntrustedClientCertificateIsDenied) {
  const TlsServer tls({}, /*asks_clients=*/true);
  ExpectDenied(tls, tls.PutWith({.ca_file = tls.authority.file()}), "client certificate");
  CertificateAuthority other;
  ExpectDenied(tls, tls.PutWith(Certified(tls.authority, other.Issue())), "our certificate");
}

TEST(TlsTest, CertificateAndKeyThatDoNotFitAreDenied) {
  TlsServer tls({}, /*asks_clients=*/true);
  const CertificateFiles one = tls.authority.Issue();
  const CertificateFiles two = tls.authority.Issue();
  ExpectDenied(tls, tls.PutWith(Certified(tls.authority, {one.certificate, two.key})), two.key);
}

TEST(TlsTest, WrongSchemeIsUnavailableAndSaysSo) {
  const TlsServer tls;
  const auto plain = PutAt(*ClientOf({tls.server.endpoint()}), "a");
  EXPECT_EQ(plain.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(plain.error().message, HasSubstr("etcds://"));

  const EtcdServer server;
  const auto client = MakeClient({.endpoints = {server.endpoint()},
                                  .use_tls = true,
                                  .tls = {.ca_file = tls.authority.file()}});
  const auto put = PutAt(*client, "a");
  EXPECT_EQ(put.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(put.error().message, HasSubstr("does not speak TLS"));
}

TEST(TlsTest, ReplacedFilesAreUsedForTheNextConnection) {
  const TlsServer tls;
  const CertificateAuthority old;
  const monopod::testing::TemporaryDirectory folder;
  const std::string ca = folder.File("ca.pem");
  std::filesystem::copy_file(old.file(), ca);
  const auto client =
      MakeClient({.endpoints = {tls.server.endpoint()}, .use_tls = true, .tls = {.ca_file = ca}});
  EXPECT_EQ(PutAt(*client, "a").error().code, ErrorCode::kDenied);
  std::filesystem::copy_file(tls.authority.file(), ca,
                             std::filesystem::copy_options::overwrite_existing);
  const auto put = PutAt(*client, "a");
  EXPECT_TRUE(put) << put.error().message;
}

}  // namespace
}  // namespace monopod::etcd
