// Endpoints that are dead, silent, talk nonsense or fall over: what a call says then.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/etcd_client.h"
#include "tests/support/etcd_server.h"
#include "tests/support/tcp_relay.h"

namespace monopod::etcd {
namespace {

using namespace std::chrono_literals;
using monopod::testing::ClientOf;
using monopod::testing::EtcdCluster;
using monopod::testing::EtcdServer;
using monopod::testing::Eventually;
using monopod::testing::FreePort;
using monopod::testing::In;
using monopod::testing::RandomLease;
using monopod::testing::Soon;
using monopod::testing::TcpRelay;
using monopod::testing::ValuesOf;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string DeadEndpoint() { return "127.0.0.1:" + std::to_string(FreePort()); }

Result<TransactionReply> PutAt(Api& api, const std::string& key, BootTime deadline) {
  return api.Transact({.compares = {}, .then = {Put{key, "1"}}}, deadline);
}
Result<TransactionReply> Read(Api& api, const std::string& key, BootTime deadline) {
  return api.Transact({.compares = {}, .then = {Range{key}}}, deadline);
}

TEST(FaultTest, DeadPortIsUnavailableAtOnce) {
  const std::string endpoint = DeadEndpoint();
  const auto client = ClientOf({endpoint});
  const auto put = PutAt(*client, "a", Soon());
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(put.error().message, AllOf(HasSubstr(endpoint), HasSubstr("Connection refused")));
  EXPECT_EQ(client->KeepAlive(1, Soon()).error().code, ErrorCode::kUnavailable);
}

// `monopod resize` once died of an assertion of gRPC, on a busy machine: its connection changed
// while the client ended, and the thread that drives it waited for the next change by a queue that
// had been shut down in between.
TEST(FaultTest, AClientMayEndWhileItsConnectionChanges) {
  EtcdServer server;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&server] {
      for (int round = 0; round < 200; ++round) {
        const auto client = ClientOf({server.endpoint()});
        (void)Read(*client, "a", In(round % 4 * 1ms));
      }
    });
  }
}

TEST(FaultTest, UnknownHostIsUnavailable) {
  const auto client = ClientOf({"no-such-host.invalid:2379"});
  const auto put = PutAt(*client, "a", In(5s));
  EXPECT_EQ(put.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(put.error().message, HasSubstr("no-such-host.invalid"));
}

TEST(FaultTest, SilentListenerIsUnavailableByTheDeadline) {
  TcpRelay relay(FreePort());
  relay.Set(TcpRelay::Mode::kSilent);
  const auto client = ClientOf({relay.endpoint()});
  const BootTime began = BootClock::now();
  const auto put = PutAt(*client, "a", In(500ms));
  EXPECT_GE(BootClock::now() - began, 500ms);
  EXPECT_EQ(put.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(put.error().message, AllOf(HasSubstr(relay.endpoint()), HasSubstr("within 500ms")));
}

TEST(FaultTest, NonsenseIsUnavailable) {
  for (const char* nonsense : {"HTTP/1.1 400 Bad Request\r\n\r\n", "hello\n", ""}) {
    const TcpRelay relay{std::string(nonsense)};
    const auto client = ClientOf({relay.endpoint()});
    const auto put = PutAt(*client, "a", In(5s));
    EXPECT_EQ(put.error().code, ErrorCode::kUnavailable);
    EXPECT_THAT(put.error().message, HasSubstr(relay.endpoint()));
  }
}

TEST(FaultTest, DeadSilentAndMadEndpointsArePassedOver) {
  const EtcdServer server;
  TcpRelay silent(FreePort());
  silent.Set(TcpRelay::Mode::kSilent);
  const TcpRelay mad(std::string("hello\n"));
  const auto client =
      ClientOf({DeadEndpoint(), silent.endpoint(), mad.endpoint(), server.endpoint()});
  // A share of the time goes to the silent one, once.
  const auto put = PutAt(*client, "a", In(2s));
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_TRUE(Read(*client, "a", In(2s)));
  const auto other = ClientOf({silent.endpoint(), server.endpoint()});
  EXPECT_TRUE(other->Grant(RandomLease(), 10s, In(2s)));
}

TEST(FaultTest, ErrorNamesEachEndpoint) {
  const std::string first = DeadEndpoint();
  const std::string second = DeadEndpoint();
  const auto client = ClientOf({first, second});
  const auto put = PutAt(*client, "a", Soon());
  EXPECT_EQ(put.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(put.error().message, AllOf(HasSubstr(first), HasSubstr(second)));
}

TEST(FaultTest, LostAnswerOfAMutationIsIndeterminateAndItIsSentOnce) {
  const EtcdServer server;
  TcpRelay relay(server.port());
  const auto client = ClientOf({relay.endpoint()});
  const auto direct = ClientOf({server.endpoint()});
  const auto before = PutAt(*client, "a", Soon());
  ASSERT_TRUE(before) << before.error().message;
  relay.Set(TcpRelay::Mode::kSwallowAnswers);
  const auto lost = PutAt(*client, "a", In(300ms));
  EXPECT_EQ(lost.error().code, ErrorCode::kIndeterminate) << lost.error().message;
  EXPECT_THAT(lost.error().message, HasSubstr("no answer within"));
  // It landed, once.
  const auto after = Read(*direct, "a", Soon());
  ASSERT_TRUE(after);
  EXPECT_EQ(after->revision, before->revision + 1);
  // A read does no harm, so nothing is left open.
  EXPECT_EQ(Read(*client, "a", In(300ms)).error().code, ErrorCode::kUnavailable);
}

TEST(FaultTest, ConnectionCutUnderAMutationIsIndeterminate) {
  const EtcdServer server;
  TcpRelay relay(server.port());
  const auto client = ClientOf({relay.endpoint()});
  ASSERT_TRUE(PutAt(*client, "a", Soon()));
  relay.Set(TcpRelay::Mode::kSwallowAnswers);
  const std::jthread cutter([&] {
    const auto direct = ClientOf({server.endpoint()});
    EXPECT_TRUE(Eventually([&] { return !ValuesOf(*direct, {.key = "b"}).empty(); }));
    relay.Cut();
  });
  const auto put = PutAt(*client, "b", Soon());
  EXPECT_EQ(put.error().code, ErrorCode::kIndeterminate) << put.error().message;
}

TEST(FaultTest, CallAfterASilentOneBeginsElsewhere) {
  EtcdCluster cluster;
  const std::size_t leader = cluster.Leader();
  const std::size_t other = (leader + 1) % cluster.size();
  TcpRelay relay(cluster.member(other).port());
  const auto client = ClientOf({relay.endpoint(), cluster.member(leader).endpoint()});
  ASSERT_TRUE(PutAt(*client, "a", Soon()));
  relay.Set(TcpRelay::Mode::kSwallowAnswers);
  EXPECT_EQ(PutAt(*client, "b", In(300ms)).error().code, ErrorCode::kIndeterminate);
  const auto next = PutAt(*client, "c", In(5s));
  EXPECT_TRUE(next) << next.error().message;
}

TEST(FaultTest, ReadAndRenewalMoveOnWithinOneCall) {
  EtcdCluster cluster;
  const std::size_t leader = cluster.Leader();
  TcpRelay relay(cluster.member((leader + 1) % cluster.size()).port());
  const std::string good = cluster.member(leader).endpoint();
  const auto direct = ClientOf({good});
  const LeaseId lease = RandomLease();
  ASSERT_TRUE(direct->Grant(lease, 60s, Soon()));
  relay.Set(TcpRelay::Mode::kSwallowAnswers);
  const auto reader = ClientOf({relay.endpoint(), good});
  const auto read = Read(*reader, "a", In(2s));
  EXPECT_TRUE(read) << read.error().message;
  const auto keeper = ClientOf({relay.endpoint(), good});
  const auto renewed = keeper->KeepAlive(lease, In(2s));
  EXPECT_TRUE(renewed) << renewed.error().message;
}

TEST(FaultTest, PausedServerAnswersNobodyUntilItGoesOn) {
  EtcdServer server;
  const auto client = ClientOf({server.endpoint()});
  ASSERT_TRUE(PutAt(*client, "a", Soon()));
  server.Pause();
  EXPECT_EQ(PutAt(*client, "a", In(200ms)).error().code, ErrorCode::kIndeterminate);
  EXPECT_EQ(client->KeepAlive(1, In(200ms)).error().code, ErrorCode::kUnavailable);
  server.Resume();
  const auto read = Read(*client, "a", Soon());
  EXPECT_TRUE(read) << read.error().message;
}

TEST(FaultTest, ClusterGoesOnAfterItsLeaderIsKilled) {
  EtcdCluster cluster;
  std::vector<std::string> endpoints;
  for (std::size_t i = 0; i < cluster.size(); ++i)
    endpoints.push_back(cluster.member(i).endpoint());
  const std::size_t leader = cluster.Leader();
  std::rotate(endpoints.begin(), endpoints.begin() + static_cast<std::ptrdiff_t>(leader),
              endpoints.end());
  const auto client = ClientOf(endpoints);
  ASSERT_TRUE(PutAt(*client, "a", Soon()));
  cluster.member(leader).Kill();
  // Until the others have a leader, nobody can say; never is anything said to be wrong.
  Error last;
  EXPECT_TRUE(Eventually([&] {
    const auto put = PutAt(*client, "b", In(1s));
    if (!put) {
      last = put.error();
      EXPECT_TRUE(last.code == ErrorCode::kUnavailable || last.code == ErrorCode::kIndeterminate)
          << last.message;
    }
    return put.has_value();
  })) << last.message;
  EXPECT_THAT(ValuesOf(*client, {.key = "b"}), ElementsAre("1"));
}

TEST(FaultTest, MinorityIsUnavailable) {
  EtcdCluster cluster;
  const std::size_t leader = cluster.Leader();
  const auto client = ClientOf({cluster.member(leader).endpoint()});
  ASSERT_TRUE(PutAt(*client, "a", Soon()));
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    if (i != leader) cluster.member(i).Kill();
  }
  EXPECT_EQ(PutAt(*client, "b", In(500ms)).error().code, ErrorCode::kIndeterminate);
  EXPECT_EQ(Read(*client, "a", In(500ms)).error().code, ErrorCode::kUnavailable);
}

TEST(FaultTest, UsedUpSpaceIsSaidAndDeletesStillWork) {
  const EtcdServer server({.flags = {"--quota-backend-bytes=100000"}});
  const auto client = ClientOf({server.endpoint()});
  Error error;
  ASSERT_TRUE(Eventually([&] {
    const auto put =
        client->Transact({.compares = {}, .then = {Put{"a", std::string(50'000, 'x')}}}, Soon());
    if (put) return false;
    error = put.error();
    return true;
  }));
  EXPECT_EQ(error.code, ErrorCode::kOutOfSpace) << error.message;
  EXPECT_THAT(error.message, HasSubstr(server.endpoint()));
  EXPECT_EQ(client->Grant(RandomLease(), 10s, Soon()).error().code, ErrorCode::kOutOfSpace);
  const auto deleted = client->Transact({.compares = {}, .then = {Delete{"a"}}}, Soon());
  EXPECT_TRUE(deleted) << deleted.error().message;
  const auto alarms = client->Alarms(Soon());
  ASSERT_TRUE(alarms) << alarms.error().message;
  ASSERT_EQ(alarms->size(), 1U);
  EXPECT_EQ(alarms->front().kind, Alarm::Kind::kNoSpace);
}

}  // namespace
}  // namespace monopod::etcd
