// Certificates on both sides, and proxies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/kube_client.h"

namespace monopod::kube {
namespace {

using monopod::testing::AlwaysAnswer;
using monopod::testing::CertificateAuthority;
using monopod::testing::CertificateFiles;
using monopod::testing::Eventually;
using monopod::testing::HttpAnswer;
using monopod::testing::HttpScriptServer;
using monopod::testing::ReadFile;
using monopod::testing::ScriptPeer;
using monopod::testing::WriteFile;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class TlsTest : public ::testing::Test {
 protected:
  // Made once: openssl takes its time.
  static CertificateAuthority& Authority() {
    static CertificateAuthority authority;
    return authority;
  }
  static CertificateAuthority& OtherAuthority() {
    static CertificateAuthority authority;
    return authority;
  }
  static const CertificateFiles& Files() {
    static const CertificateFiles kFiles = Authority().Issue();
    return kFiles;
  }

  static ClusterAccess Trusting(const std::string& url) {
    ClusterAccess access = AccessTo(url);
    access.tls.authorities.file = Authority().file();
    return access;
  }

  static void ExpectError(const ClusterAccess& access, ErrorCode code, const std::string& part) {
    const auto response = Put(*MakeClient(access));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, code) << response.error().message;
    EXPECT_THAT(response.error().message, HasSubstr(part));
  }
  static void ExpectAnswer(const ClusterAccess& access) {
    const auto response = Put(*MakeClient(access));
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->status, 200);
  }
};

TEST_F(TlsTest, ConnectionServesSeveralRequests) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, std::string(200000, 'x'))),
                          {.certificate = Files()});
  const auto api = MakeClient(Trusting(server.url()));
  for (int i = 0; i < 4; ++i) {
    const auto response = i % 2 == 0 ? Put(*api) : Get(*api);
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->body.size(), 200000);
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(TlsTest, LargeRequestArrivesWhole) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}")), {.certificate = Files()});
  const std::string body(3 << 20, 'x');
  const auto response = MakeClient(Trusting(server.url()))
                            ->Send({.method = Method::kPost, .path = "/x", .body = body}, Soon());
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_TRUE(server.requests().at(0).ends_with(body));
}

TEST_F(TlsTest, AuthorityMayBeGivenAsText) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}")), {.certificate = Files()});
  ClusterAccess access = AccessTo(server.url());
  access.tls.authorities.content = ReadFile(OtherAuthority().file()) + ReadFile(Authority().file());
  ExpectAnswer(access);
}

TEST_F(TlsTest, WriteAfterTheServerClosedAnIdleConnectionLands) {
  HttpScriptServer server(
      [](ScriptPeer& peer) {
        peer.ReadRequest();
        peer.Send(HttpAnswer(200, "{}"));
      },
      {.certificate = Files()});
  const auto api = MakeClient(Trusting(server.url()));
  for (int i = 1; i <= 3; ++i) {
    const auto response = Put(*api);
    EXPECT_TRUE(response) << response.error().message;
    ASSERT_TRUE(Eventually([&] { return server.ended() == i; }));
  }
}

TEST_F(TlsTest, UnknownAuthorityIsDenied) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}")),
                          {.certificate = OtherAuthority().Issue()});
  ExpectError(Trusting(server.url()), ErrorCode::kDenied,
              server.url() + ": no TLS: its certificate is not trusted: ");
  // Those of the system do not know it, either.
  ExpectError(AccessTo(server.url()), ErrorCode::kDenied, "its certificate is not trusted");
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(TlsTest, ExpiredCertificateIsDenied) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}")),
                          {.certificate = Authority().Issue({.expired = true})});
  ExpectError(Trusting(server.url()), ErrorCode::kDenied,
              "its certificate is not trusted: certificate has expired");
}

TEST_F(TlsTest, CertificateForAnotherHostIsDenied) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}")),
                          {.certificate = Authority().Issue(
                               {.name = "127.0.0.1", .alternatives = "DNS:other.example"})});
  ExpectError(Trusting(server.url()), ErrorCode::kDenied, "it is not valid for 127.0.0.1");
  ClusterAccess access = Trusting(server.url());
  access.tls.server_name = "third.example";
  ExpectError(access, ErrorCode::kDenied, "it is not valid for third.example");
  access.tls.server_name = "other.example";
  ExpectAnswer(access);
}

TEST_F(TlsTest, VerificationCanBeSkipped) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}")),
                          {.certificate = OtherAuthority().Issue({.expired = true})});
  ClusterAccess access = AccessTo(server.url());
  access.tls.skip_verification = true;
  ExpectAnswer(access);
}

TEST_F(TlsTest, ClientCertificateIsShown) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}")),
                          {.certificate = Files(), .client_authority = Authority().file()});
  ClusterAccess access = Trusting(server.url());
  ExpectError(access, ErrorCode::kDenied,
              "it refuses us, perhaps for want of a client certificate");
  access.tls.certificate.file = Files().certificate;
  access.tls.key.file = Files().key;
  ExpectAnswer(access);
  const CertificateFiles other = OtherAuthority().Issue();
  access.tls.certificate = {.content = ReadFile(other.certificate), .file = {}};
  access.tls.key = {.content = ReadFile(other.key), .file = {}};
  ExpectError(access, ErrorCode::kDenied, "it refuses our certificate");
}

TEST_F(TlsTest, CertificateFilesAreReadWithEachConnection) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}", "Connection: close\r\n")),
                          {.certificate = Files(), .client_authority = Authority().file()});
  const monopod::testing::TemporaryDirectory folder;
  ClusterAccess access = Trusting(server.url());
  access.tls.certificate.file = folder.File("cert");
  access.tls.key.file = folder.File("key");
  const auto api = MakeClient(access);
  const auto missing = Put(*api);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kDenied);
  EXPECT_THAT(missing.error().message, HasSubstr("No such file"));
  WriteFile(folder.File("cert"), ReadFile(Files().certificate));
  WriteFile(folder.File("key"), ReadFile(Files().key));
  EXPECT_TRUE(Put(*api));
}

TEST_F(TlsTest, UnusableCertificatesAreNamed) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}")), {.certificate = Files()});
  ClusterAccess access = AccessTo(server.url());
  access.tls.authorities.content = "-----BEGIN CERTIFICATE-----\nxxxx\n-----END CERTIFICATE-----\n";
  ExpectError(access, ErrorCode::kDenied, "the CA certificate cannot be used: ");
  access = Trusting(server.url());
  access.tls.certificate.file = Files().certificate;
  access.tls.key.content = ReadFile(OtherAuthority().Issue().key);
  ExpectError(access, ErrorCode::kDenied, "key values mismatch");
}

TEST_F(TlsTest, PlainServerIsToldApart) {
  HttpScriptServer server([](ScriptPeer& peer) {
    peer.Send("HTTP/1.1 400 Bad Request\r\n\r\n");
    peer.AwaitEnd();
  });
  ExpectError(Trusting("https://127.0.0.1:" + std::to_string(server.port())),
              ErrorCode::kUnavailable, "it does not speak TLS");
}

TEST_F(TlsTest, SilenceInTheHandshakeEndsAtTheDeadline) {
  HttpScriptServer server([](ScriptPeer& peer) { peer.AwaitEnd(); });
  const auto response =
      Put(*MakeClient(Trusting("https://127.0.0.1:" + std::to_string(server.port()))), Shortly());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(response.error().message, HasSubstr("no TLS: no answer in time"));
}

TEST_F(TlsTest, WriteWhoseAnswerIsLostIsIndeterminate) {
  for (const bool resets : {false, true}) {
    HttpScriptServer server(
        [resets](ScriptPeer& peer) {
          peer.ReadRequest();
          if (resets) peer.Reset();
        },
        {.certificate = Files()});
    ExpectError(Trusting(server.url()), ErrorCode::kIndeterminate, "no answer came");
  }
}

TEST_F(TlsTest, WatchStopWakesAtOnce) {
  HttpScriptServer server(
      [](ScriptPeer& peer) {
        peer.ReadRequest();
        peer.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n");
        peer.AwaitEnd();
      },
      {.certificate = Files()});
  const auto opened = MakeClient(Trusting(server.url()))->Watch("/w", Soon());
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(*opened->stream->Next(Soon(), {}), "one");
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(*opened->stream->Next(BootTime::max(), stop.get_token()), std::nullopt);
}

// Answers CONNECT so, and then is the server itself.
HttpScriptServer::Script Proxying(const std::string& answer) {
  return [answer](ScriptPeer& peer) {
    peer.ReadRequest();
    peer.Send(answer);
    if (!peer.StartTls()) return;
    while (!peer.ReadRequest().empty()) peer.Send(HttpAnswer(200, "{}"));
  };
}

class ProxyConnectionTest : public TlsTest {
 protected:
  static ClusterAccess Through(const HttpScriptServer& proxy) {
    ClusterAccess access = Trusting("https://localhost:6443");
    access.proxy = {
        {.host = "127.0.0.1", .port = std::to_string(proxy.port()), .authorization = {}}};
    return access;
  }
};

TEST_F(ProxyConnectionTest, ServerIsReachedThroughIt) {
  HttpScriptServer proxy(Proxying("HTTP/1.1 200 Connection established\r\n\r\n"),
                         {.certificate = Files(), .starts_plain = true});
  ClusterAccess access = Through(proxy);
  access.proxy->authorization = "Basic eDp5";
  access.token.content = "secret";
  ExpectAnswer(access);
  const std::string connect = proxy.requests().at(0);
  EXPECT_THAT(connect, StartsWith("CONNECT localhost:6443 HTTP/1.1\r\nHost: localhost:6443\r\n"));
  EXPECT_THAT(connect, HasSubstr("\r\nProxy-Authorization: Basic eDp5\r\n"));
  EXPECT_EQ(connect.find("secret"), std::string::npos);
  EXPECT_THAT(proxy.requests().at(1), StartsWith("PUT /x HTTP/1.1\r\n"));
}

TEST_F(ProxyConnectionTest, RefusalIsToldFromTheServers) {
  const std::pair<std::string, std::pair<ErrorCode, std::string>> cases[] = {
      {"HTTP/1.1 407 Auth\r\nContent-Length: 0\r\n\r\n",
       {ErrorCode::kDenied, "wants a user and a password (407)"}},
      {"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n",
       {ErrorCode::kUnavailable, "does not connect on: it answers 502"}},
      {"nonsense\r\n\r\n", {ErrorCode::kUnavailable, "it is no HTTP"}},
  };
  for (const auto& [answer, expected] : cases) {
    HttpScriptServer proxy(AlwaysAnswer(answer));
    ExpectError(Through(proxy), expected.first, expected.second);
    ExpectError(Through(proxy), expected.first, "the proxy 127.0.0.1:");
  }
}

TEST_F(ProxyConnectionTest, SilenceEndsAtTheDeadline) {
  HttpScriptServer proxy([](ScriptPeer& peer) { peer.AwaitEnd(); });
  const auto response = Put(*MakeClient(Through(proxy)), Shortly());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(response.error().message, HasSubstr("the proxy 127.0.0.1:"));
}

}  // namespace
}  // namespace monopod::kube
