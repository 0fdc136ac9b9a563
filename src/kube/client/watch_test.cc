#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/kube_client.h"

namespace monopod::kube {
namespace {

using monopod::testing::HttpAnswer;
using monopod::testing::HttpScriptServer;
using monopod::testing::ScriptPeer;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string Chunk(const std::string& text) {
  std::array<char, 16> size{};
  snprintf(size.data(), size.size(), "%zx\r\n", text.size());
  return size.data() + text + "\r\n";
}

// Serves a watch: the head, and then what `rest` says.
HttpScriptServer::Script Watching(const HttpScriptServer::Script& rest) {
  return [rest](ScriptPeer& peer) {
    peer.ReadRequest();
    peer.Send(kHead);
    rest(peer);
  };
}

std::unique_ptr<EventStream> Open(const HttpScriptServer& server) {
  auto opened = MakeClient(AccessTo(server.url()))->Watch("/w?watch=1", Soon());
  EXPECT_TRUE(opened) << opened.error().message;
  if (!opened) return nullptr;
  EXPECT_EQ(opened->response.status, 200);
  return std::move(opened->stream);
}

void ExpectLine(EventStream& stream, const std::string& line) {
  const auto next = stream.Next(Soon(), {});
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(*next, line);
}

void ExpectOver(EventStream& stream, const std::string& reason) {
  for (int i = 0; i < 2; ++i) {
    const auto next = stream.Next(Soon(), {});
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().code, ErrorCode::kUnavailable);
    EXPECT_THAT(next.error().message, HasSubstr("the watch is over: " + reason));
  }
}

TEST(WatchTest, LinesComeHoweverTheyAreCut) {
  HttpScriptServer server(Watching([](ScriptPeer& peer) {
    peer.Send(Chunk("one\ntwo\n\nth"));
    peer.Drip(Chunk("re") + Chunk("e\r\nfour") + Chunk("\n") + Chunk("a long li"));
    peer.Send(Chunk("ne\nx\n"));
    peer.AwaitEnd();
  }));
  const auto stream = Open(server);
  for (const char* line : {"one", "two", "three", "four", "a long line", "x"})
    ExpectLine(*stream, line);
  EXPECT_THAT(server.requests().at(0), StartsWith("GET /w?watch=1 HTTP/1.1\r\n"));
}

TEST(WatchTest, FirstLineMayComeWithTheHead) {
  HttpScriptServer server([](ScriptPeer& peer) {
    peer.ReadRequest();
    peer.Send(kHead + Chunk("one\n"));
    peer.AwaitEnd();
  });
  ExpectLine(*Open(server), "one");
}

TEST(WatchTest, EndOfTheAnswerIsTheEnd) {
  HttpScriptServer server(
      Watching([](ScriptPeer& peer) { peer.Send(Chunk("one\nhalf") + "0\r\n\r\n"); }));
  const auto stream = Open(server);
  ExpectLine(*stream, "one");
  ExpectOver(*stream, "the server ended it");
}

TEST(WatchTest, ClosedConnectionIsTheEnd) {
  for (const bool resets : {false, true}) {
    Gate gate;
    HttpScriptServer server(Watching([&](ScriptPeer& peer) {
      gate.Await();
      if (resets) peer.Reset();
    }));
    const auto stream = Open(server);
    gate.Open();
    ExpectOver(*stream, resets ? "Connection reset" : "the connection was closed");
  }
}

TEST(WatchTest, NonsenseIsTheEnd) {
  Gate gate;
  HttpScriptServer server(Watching([&](ScriptPeer& peer) {
    peer.Send(Chunk("one\n"));
    gate.Await();
    peer.Send("this is no chunk\r\n");
    peer.AwaitEnd();
  }));
  const auto stream = Open(server);
  ExpectLine(*stream, "one");
  gate.Open();
  ExpectOver(*stream, "it is no HTTP");
}

TEST(WatchTest, EndlessLineIsTheEnd) {
  HttpScriptServer server(Watching([](ScriptPeer& peer) {
    const std::string chunk = Chunk(std::string(1 << 20, 'x'));
    for (int i = 0; i < 18; ++i) peer.Send(chunk);
    peer.AwaitEnd();
  }));
  ExpectOver(*Open(server), "a line is too long");
}

TEST(WatchTest, DeadlineEndsTheWaitingNotTheStream) {
  Gate gate;
  HttpScriptServer server(Watching([&](ScriptPeer& peer) {
    peer.Send(Chunk("ha"));
    gate.Await();
    peer.Send(Chunk("lf\n"));
    peer.AwaitEnd();
  }));
  const auto stream = Open(server);
  for (const BootTime deadline : {BootClock::now(), Shortly()}) {
    const auto next = stream->Next(deadline, {});
    ASSERT_TRUE(next) << next.error().message;
    EXPECT_EQ(*next, std::nullopt);
  }
  gate.Open();
  ExpectLine(*stream, "half");
}

TEST(WatchTest, StopWakesAtOnceAndTheStreamGoesOn) {
  Gate gate;
  HttpScriptServer server(Watching([&](ScriptPeer& peer) {
    gate.Await();
    peer.Send(Chunk("one\n"));
    peer.AwaitEnd();
  }));
  const auto stream = Open(server);
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  // Without the stop, this would last for ever.
  const auto next = stream->Next(BootTime::max(), stop.get_token());
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(*next, std::nullopt);
  EXPECT_EQ(*stream->Next(BootTime::max(), stop.get_token()), std::nullopt);
  gate.Open();
  ExpectLine(*stream, "one");
}

TEST(WatchTest, RefusalIsAnAnswerWithoutAStream) {
  HttpScriptServer server(
      monopod::testing::AlwaysAnswer(HttpAnswer(429, "Too many requests", "Retry-After: 2\r\n")));
  const auto opened = MakeClient(AccessTo(server.url()))->Watch("/w", Soon());
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->response.status, 429);
  EXPECT_EQ(opened->response.body, "Too many requests");
  EXPECT_EQ(opened->response.retry_after, std::chrono::seconds(2));
  EXPECT_EQ(opened->stream, nullptr);
}

TEST(WatchTest, StreamOutlivesItsClient) {
  HttpScriptServer server(Watching([](ScriptPeer& peer) {
    peer.Send(Chunk("one\n"));
    peer.AwaitEnd();
  }));
  auto api = MakeClient(AccessTo(server.url()));
  auto opened = api->Watch("/w", Soon());
  ASSERT_TRUE(opened);
  api.reset();
  ExpectLine(*opened->stream, "one");
}

TEST(WatchTest, EachHasAConnectionOfItsOwn) {
  HttpScriptServer server([](ScriptPeer& peer) {
    while (true) {
      const std::string request = peer.ReadRequest();
      if (request.empty()) return;
      const bool is_watch = request.starts_with("GET /w");
      peer.Send(is_watch ? kHead + Chunk("one\n") : HttpAnswer(200, "{}"));
    }
  });
  const auto api = MakeClient(AccessTo(server.url()));
  EXPECT_TRUE(Get(*api));
  const auto one = api->Watch("/w", Soon());
  const auto other = api->Watch("/w", Soon());
  EXPECT_TRUE(Get(*api));
  ASSERT_TRUE(one && other);
  ExpectLine(*one->stream, "one");
  ExpectLine(*other->stream, "one");
  EXPECT_EQ(server.connections(), 3);
}

}  // namespace
}  // namespace monopod::kube
