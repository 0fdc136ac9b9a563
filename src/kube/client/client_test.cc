// Requests over plain connections, and all that can go wrong with these.
#include "src/kube/client/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/kube_client.h"

namespace monopod::kube {
namespace {

using monopod::testing::AlwaysAnswer;
using monopod::testing::Eventually;
using monopod::testing::HttpAnswer;
using monopod::testing::HttpScriptServer;
using monopod::testing::ScriptPeer;
using monopod::testing::TemporaryDirectory;
using monopod::testing::WriteFile;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

template <class T>
void ExpectError(const Result<T>& result, ErrorCode code, const std::string& part) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, code) << result.error().message;
  EXPECT_THAT(result.error().message, HasSubstr(part));
}

TEST(ClientTest, RequestHasWhatTheServerNeeds) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(201, "{\"a\":1}", "Retry-After: 3\r\n")));
  ClusterAccess access = AccessTo(server.url() + "/k8s/c1/");
  access.token.content = "secret";
  access.impersonation = {{"Impersonate-User", "u"}};
  const auto api = MakeClient(access);
  const auto response = api->Send({.method = Method::kPatch,
                                   .path = "/api/v1/x?y=z%2F",
                                   .body = "{}",
                                   .content_type = "application/merge-patch+json"},
                                  Soon());
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response.value_or(Response{}).status, 201);
  EXPECT_EQ(response->body, "{\"a\":1}");
  EXPECT_EQ(response->retry_after, std::chrono::seconds(3));
  const std::string request = server.requests().at(0);
  EXPECT_THAT(request, StartsWith("PATCH /k8s/c1/api/v1/x?y=z%2F HTTP/1.1\r\nHost: 127.0.0.1:"));
  for (const char* line :
       {"\r\nUser-Agent: monopod/", "\r\nAccept: application/json\r\n",
        "\r\nAuthorization: Bearer secret\r\n", "\r\nImpersonate-User: u\r\n",
        "\r\nContent-Type: application/merge-patch+json\r\n", "\r\nContent-Length: 2\r\n\r\n{}"}) {
    EXPECT_THAT(request, HasSubstr(line));
  }
  EXPECT_THAT(request, Not(HasSubstr("Accept-Encoding")));
}

TEST(ClientTest, UserAndPasswordAreSentAsBasic) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}")));
  ClusterAccess access = AccessTo(server.url());
  access.username = "me";
  access.password = "p:ss";
  EXPECT_TRUE(Get(*MakeClient(access)));
  EXPECT_THAT(server.requests().at(0), HasSubstr("\r\nAuthorization: Basic bWU6cDpzcw==\r\n"));
}

TEST(ClientTest, MalformedPathIsNotSent) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}")));
  const auto api = MakeClient(AccessTo(server.url()));
  for (const char* path : {"", "x", "/a b", "/a\r\nX: y"}) {
    ExpectError(api->Send({.path = path}, Soon()), ErrorCode::kInvalidArgument, "malformed");
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST(ClientTest, ConnectionServesSeveralRequests) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}")));
  const auto api = MakeClient(AccessTo(server.url()));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(i % 2 == 0 ? Get(*api) : Put(*api));
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(server.requests().size(), 5);
}

TEST(ClientTest, ConnectionThatTheServerGivesUpServesNoMore) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}", "Connection: close\r\n")));
  const auto api = MakeClient(AccessTo(server.url()));
  EXPECT_TRUE(Put(*api));
  EXPECT_TRUE(Put(*api));
  EXPECT_EQ(server.connections(), 2);
}

TEST(ClientTest, WriteAfterTheServerClosedAnIdleConnectionLands) {
  HttpScriptServer server([](ScriptPeer& peer) {
    peer.ReadRequest();
    peer.Send(HttpAnswer(200, "{}"));
  });
  const auto api = MakeClient(AccessTo(server.url()));
  for (int i = 1; i <= 3; ++i) {
    const auto response = Put(*api);
    EXPECT_TRUE(response) << response.error().message;
    ASSERT_TRUE(Eventually([&] { return server.ended() == i; }));
  }
  EXPECT_EQ(server.requests().size(), 3);
}

TEST(ClientTest, IdleConnectionClosedByTheServerCostsNothing) {
  HttpScriptServer server([](ScriptPeer& peer) {
    peer.ReadRequest();
    peer.Send(HttpAnswer(200, "{}"));
  });
  const auto api = MakeClient(AccessTo(server.url()));
  // Whichever comes first, the server's end or the next request: a read is repeated.
  for (int i = 0; i < 20; ++i) {
    const auto response = Get(*api);
    EXPECT_TRUE(response) << response.error().message;
  }
}

TEST(ClientTest, ReadIsRepeatedOnANewConnectionOnly) {
  HttpScriptServer server([](ScriptPeer& peer) {
    peer.ReadRequest();
    if (peer.number() > 0) return;
    peer.Send(HttpAnswer(200, "{}"));
    peer.ReadRequest();  // and closes without an answer
  });
  const auto api = MakeClient(AccessTo(server.url()));
  EXPECT_TRUE(Get(*api));
  ExpectError(Get(*api), ErrorCode::kUnavailable, "no answer came: the connection was closed");
  EXPECT_EQ(server.connections(), 2);
  EXPECT_EQ(server.requests().size(), 3);
}

TEST(ClientTest, WriteWhoseAnswerIsLostIsIndeterminateAndSentOnce) {
  for (const bool resets : {false, true}) {
    HttpScriptServer server([resets](ScriptPeer& peer) {
      peer.ReadRequest();
      peer.Send(HttpAnswer(200, "{}"));
      peer.ReadRequest();
      if (resets) peer.Reset();
    });
    const auto api = MakeClient(AccessTo(server.url()));
    EXPECT_TRUE(Get(*api));
    ExpectError(Put(*api), ErrorCode::kIndeterminate, "no answer came");
    EXPECT_EQ(server.connections(), 1);
    EXPECT_EQ(server.requests().size(), 2);
  }
}

TEST(ClientTest, AnswerThatIsCutOffIsNone) {
  HttpScriptServer server([](ScriptPeer& peer) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}");
  });
  const auto api = MakeClient(AccessTo(server.url()));
  ExpectError(Put(*api), ErrorCode::kIndeterminate, "no whole answer came");
  ExpectError(Get(*api), ErrorCode::kUnavailable, "no whole answer came");
}

TEST(ClientTest, NonsenseIsNoAnswer) {
  HttpScriptServer server([](ScriptPeer& peer) {
    peer.ReadRequest();
    peer.Send("I am no API server\r\n\r\n");
    peer.AwaitEnd();
  });
  const auto api = MakeClient(AccessTo(server.url()));
  ExpectError(Get(*api), ErrorCode::kUnavailable, "it is no HTTP");
  ExpectError(Put(*api), ErrorCode::kIndeterminate, "it is no HTTP");
}

TEST(ClientTest, BytesAfterTheAnswerEndTheConnection) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}") + "HTTP/1.1 200 OK\r\n"));
  const auto api = MakeClient(AccessTo(server.url()));
  ExpectError(Put(*api), ErrorCode::kIndeterminate, "more was sent than asked for");
}

TEST(ClientTest, TooLargeAnswerIsGivenUp) {
  HttpScriptServer server([](ScriptPeer& peer) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "100000\r\n" + std::string(1 << 20, 'x') + "\r\n";
    for (int i = 0; i < 70; ++i) peer.Send(chunk);
  });
  ExpectError(Get(*MakeClient(AccessTo(server.url()))), ErrorCode::kUnavailable, "too large");
}

TEST(ClientTest, SilenceEndsAtTheDeadline) {
  HttpScriptServer server([](ScriptPeer& peer) { peer.AwaitEnd(); });
  const auto api = MakeClient(AccessTo(server.url()));
  ExpectError(Put(*api, Shortly()), ErrorCode::kIndeterminate, "no answer in time");
  ExpectError(Get(*api, Shortly()), ErrorCode::kUnavailable, "no answer in time");
  ExpectError(api->Watch("/w", Shortly()), ErrorCode::kUnavailable, "no answer in time");
}

TEST(ClientTest, DrippingAnswerEndsAtTheDeadline) {
  HttpScriptServer server([](ScriptPeer& peer) {
    peer.ReadRequest();
    peer.Drip("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + std::string(1000000, 'x'));
  });
  const auto api = MakeClient(AccessTo(server.url()));
  ExpectError(Put(*api, Shortly()), ErrorCode::kIndeterminate, "in time");
}

TEST(ClientTest, RequestThatIsNotReadEndsAtTheDeadlineAndDidNotLand) {
  Gate gate;
  HttpScriptServer server([&](ScriptPeer& peer) {
    gate.Await();
    peer.AwaitEnd();
  });
  const auto api = MakeClient(AccessTo(server.url()));
  const Request large{.method = Method::kPut, .path = "/x", .body = std::string(32 << 20, 'x')};
  ExpectError(api->Send(large, BootClock::now() + std::chrono::seconds(3)), ErrorCode::kUnavailable,
              "could not be sent");
  gate.Open();
}

TEST(ClientTest, NoTimeMeansNotSent) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}")));
  ExpectError(Put(*MakeClient(AccessTo(server.url())), BootClock::now()),
              ErrorCode::kDeadlineExceeded, "no time");
  EXPECT_EQ(server.connections(), 0);
}

TEST(ClientTest, UnreachableServerIsNamedWithTheReason) {
  int port = 0;
  {
    const HttpScriptServer gone(AlwaysAnswer(""));
    port = gone.port();
  }
  const std::string url = "http://127.0.0.1:" + std::to_string(port);
  ExpectError(Put(*MakeClient(AccessTo(url))), ErrorCode::kUnavailable,
              url + ": no connection: 127.0.0.1:" + std::to_string(port) + ": Connection refused");
}

TEST(ClientTest, UnknownNameIsUnavailable) {
  ExpectError(Put(*MakeClient(AccessTo("http://no-such-host.invalid"))), ErrorCode::kUnavailable,
              "the name no-such-host.invalid cannot be resolved");
}

TEST(ClientTest, NameIsResolved) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}")));
  const auto response =
      Get(*MakeClient(AccessTo("http://localhost:" + std::to_string(server.port()))));
  EXPECT_TRUE(response) << response.error().message;
}

TEST(ClientTest, RedirectIsNotFollowed) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(307, "", "Location: https://elsewhere/\r\n")));
  ExpectError(Get(*MakeClient(AccessTo(server.url()))), ErrorCode::kUnavailable,
              "it answers 307 and sends us to \"https://elsewhere/\"");
}

TEST(ClientTest, ManyCallsAtOnce) {
  HttpScriptServer server(AlwaysAnswer(HttpAnswer(200, "{}")));
  const auto api = MakeClient(AccessTo(server.url()));
  std::vector<std::jthread> threads;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j) answered += Put(*api) ? 1 : 0;
    });
  }
  threads.clear();
  EXPECT_EQ(answered, 160);
}

// Serves only this token.
HttpScriptServer::Script Demand(const std::string& token) {
  return [token](ScriptPeer& peer) {
    while (true) {
      const std::string request = peer.ReadRequest();
      if (request.empty()) return;
      const bool is_fine = request.find("Bearer " + token + "\r\n") != std::string::npos;
      peer.Send(HttpAnswer(is_fine ? 200 : 401, "{}"));
    }
  };
}

class TokenFileTest : public ::testing::Test {
 protected:
  std::shared_ptr<Api> ClientOf(const HttpScriptServer& server) const {
    ClusterAccess access = AccessTo(server.url());
    access.token.file = folder_.File("token");
    return MakeClient(access);
  }
  void Write(const std::string& text) const { WriteFile(folder_.File("token"), text); }
  const TemporaryDirectory folder_;
};

TEST_F(TokenFileTest, NewTokenIsUsed) {
  HttpScriptServer server(Demand("new"));
  const auto api = ClientOf(server);
  Write("old\n");
  EXPECT_EQ(Put(*api).value_or(Response{}).status, 401);
  Write("new\n");
  EXPECT_EQ(Put(*api).value_or(Response{}).status, 200);
}

TEST_F(TokenFileTest, TokenReplacedWhileARequestWasUnderWayIsTriedOnce) {
  Write("old");
  HttpScriptServer server([this](ScriptPeer& peer) {
    while (true) {
      const std::string request = peer.ReadRequest();
      if (request.empty()) return;
      const bool is_fine = request.find("Bearer new\r\n") != std::string::npos;
      Write("new");
      peer.Send(HttpAnswer(is_fine ? 200 : 401, "{}"));
    }
  });
  const auto api = ClientOf(server);
  EXPECT_EQ(Put(*api).value_or(Response{}).status, 200);
  EXPECT_EQ(server.requests().size(), 2);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(TokenFileTest, SameTokenIsNotTriedAgain) {
  HttpScriptServer server(Demand("other"));
  Write("old");
  EXPECT_EQ(Put(*ClientOf(server)).value_or(Response{}).status, 401);
  EXPECT_EQ(server.requests().size(), 1);
}

TEST_F(TokenFileTest, LastGoodTokenServesWhileThereIsNone) {
  HttpScriptServer server(Demand("good"));
  const auto api = ClientOf(server);
  Write("good");
  EXPECT_EQ(Put(*api).value_or(Response{}).status, 200);
  Write("");
  EXPECT_EQ(Put(*api).value_or(Response{}).status, 200);
  Write("go\nod");
  EXPECT_EQ(Put(*api).value_or(Response{}).status, 200);
  remove(folder_.File("token").c_str());
  EXPECT_EQ(Put(*api).value_or(Response{}).status, 200);
}

TEST_F(TokenFileTest, NoTokenAtAllIsDenied) {
  HttpScriptServer server(Demand("good"));
  ExpectError(Put(*ClientOf(server)), ErrorCode::kDenied, "No such file");
  Write("\n");
  ExpectError(Put(*ClientOf(server)), ErrorCode::kDenied, "empty");
  EXPECT_EQ(server.connections(), 0);
}

}  // namespace
}  // namespace monopod::kube
