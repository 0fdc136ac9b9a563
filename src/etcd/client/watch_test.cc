#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
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
using monopod::testing::Soon;
using monopod::testing::TcpRelay;
using ::testing::ElementsAre;
using Kind = WatchReport::Kind;

// What a watch reported, as words: "started", "broken", "put KEY=VALUE", "deleted KEY".
class Reports {
 public:
  std::function<void(WatchReport)> Callback() {
    return [this](const WatchReport& report) { Add(report); };
  }
  bool Await(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, monopod::testing::kPatience,
                             [&] { return words_.size() >= count; });
  }
  std::vector<std::string> words() {
    const std::lock_guard lock(mutex_);
    return words_;
  }
  std::vector<WatchEvent> events() {
    const std::lock_guard lock(mutex_);
    return events_;
  }

 private:
  void Add(const WatchReport& report) {
    const std::lock_guard lock(mutex_);
    if (report.kind == Kind::kStarted) words_.emplace_back("started");
    if (report.kind == Kind::kBroken) words_.emplace_back("broken");
    for (const WatchEvent& event : report.events) {
      words_.push_back(event.deleted ? "deleted " + event.now.key
                                     : "put " + event.now.key + "=" + event.now.value);
      events_.push_back(event);
    }
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> words_;
  std::vector<WatchEvent> events_;
};

bool Do(Api& api, Operation operation) {
  return api.Transact({.compares = {}, .then = {std::move(operation)}}, Soon()).has_value();
}

TEST(WatchTest, TellsWhatHappensInOrderWithWhatStoodBefore) {
  const EtcdServer server;
  const auto client = ClientOf({server.endpoint()});
  Reports reports;
  const auto watch = client->StartWatch("a", "", reports.Callback());
  ASSERT_TRUE(reports.Await(1));
  ASSERT_TRUE(Do(*client, Put{"a", "1"}));
  ASSERT_TRUE(Do(*client, Put{"b", "other"}));
  ASSERT_TRUE(Do(*client, Put{"a", "2"}));
  ASSERT_TRUE(Do(*client, Delete{"a"}));
  ASSERT_TRUE(reports.Await(4));
  EXPECT_THAT(reports.words(), ElementsAre("started", "put a=1", "put a=2", "deleted a"));
  const auto events = reports.events();
  EXPECT_FALSE(events[0].previous);
  ASSERT_TRUE(events[1].previous);
  EXPECT_EQ(events[1].previous->value, "1");
  EXPECT_EQ(events[1].now.create_revision, events[0].now.create_revision);
  ASSERT_TRUE(events[2].previous);
  EXPECT_EQ(events[2].previous->value, "2");
  EXPECT_EQ(events[2].now.mod_revision, events[1].now.mod_revision + 1);
}

TEST(WatchTest, RangeTellsOfEachKeyInIt) {
  const EtcdServer server;
  const auto client = ClientOf({server.endpoint()});
  Reports reports;
  const auto watch = client->StartWatch("a/", "a0", reports.Callback());
  ASSERT_TRUE(reports.Await(1));
  ASSERT_TRUE(Do(*client, Put{"a/x", "1"}));
  ASSERT_TRUE(Do(*client, Put{"b", "2"}));
  ASSERT_TRUE(Do(*client, Put{"a/y", "3"}));
  ASSERT_TRUE(reports.Await(3));
  EXPECT_THAT(reports.words(), ElementsAre("started", "put a/x=1", "put a/y=3"));
}

TEST(WatchTest, NothingIsReportedAfterTheEnd) {
  const EtcdServer server;
  const auto client = ClientOf({server.endpoint()});
  Reports ended;
  Reports lasting;
  auto first = client->StartWatch("a", "", ended.Callback());
  const auto second = client->StartWatch("a", "", lasting.Callback());
  ASSERT_TRUE(ended.Await(1));
  ASSERT_TRUE(lasting.Await(1));
  first.reset();
  ASSERT_TRUE(Do(*client, Put{"a", "1"}));
  ASSERT_TRUE(lasting.Await(2));
  EXPECT_THAT(ended.words(), ElementsAre("started"));
}

TEST(WatchTest, ReportMayEndItsOwnWatch) {
  const EtcdServer server;
  const auto client = ClientOf({server.endpoint()});
  std::mutex mutex;
  std::unique_ptr<Watch> watch;
  Reports reports;
  {
    const std::lock_guard lock(mutex);
    watch = client->StartWatch("a", "", [&](WatchReport report) {
      const std::lock_guard inner(mutex);
      watch.reset();
      reports.Callback()(std::move(report));
    });
  }
  ASSERT_TRUE(reports.Await(1));
  ASSERT_TRUE(Do(*client, Put{"a", "1"}));
  Reports later;
  const auto other = client->StartWatch("b", "", later.Callback());
  ASSERT_TRUE(later.Await(1));
  EXPECT_THAT(reports.words(), ElementsAre("started"));
}

TEST(WatchTest, LostConnectionIsToldAndTheWatchGoesOn) {
  EtcdServer server;
  const auto client = ClientOf({server.endpoint()});
  Reports first;
  Reports second;
  const auto one = client->StartWatch("a", "", first.Callback());
  const auto two = client->StartWatch("b", "", second.Callback());
  ASSERT_TRUE(first.Await(1));
  ASSERT_TRUE(second.Await(1));
  server.Kill();
  ASSERT_TRUE(first.Await(2));
  ASSERT_TRUE(second.Await(2));
  server.Start();
  ASSERT_TRUE(first.Await(3));
  ASSERT_TRUE(Do(*client, Put{"a", "1"}));
  ASSERT_TRUE(first.Await(4));
  EXPECT_THAT(first.words(), ElementsAre("started", "broken", "started", "put a=1"));
  ASSERT_TRUE(second.Await(3));
  EXPECT_THAT(second.words(), ElementsAre("started", "broken", "started"));
}

TEST(WatchTest, ServerThatConfirmsNoWatchIsLeft) {
  EtcdServer server;
  TcpRelay relay(server.port());
  const auto client = ClientOf({relay.endpoint(), server.endpoint()});
  Reports first;
  Reports second;
  const auto one = client->StartWatch("a", "", first.Callback());
  ASSERT_TRUE(first.Await(1));
  relay.Set(TcpRelay::Mode::kSwallowAnswers);
  const auto two = client->StartWatch("b", "", second.Callback());
  ASSERT_TRUE(first.Await(3));
  ASSERT_TRUE(second.Await(1));
  EXPECT_THAT(first.words(), ElementsAre("started", "broken", "started"));
  EXPECT_THAT(second.words(), ElementsAre("started"));
}

TEST(WatchTest, WatchMovesWhenItsMemberDies) {
  EtcdCluster cluster;
  const auto client = ClientOf(
      {cluster.member(0).endpoint(), cluster.member(1).endpoint(), cluster.member(2).endpoint()});
  Reports reports;
  const auto watch = client->StartWatch("a", "", reports.Callback());
  ASSERT_TRUE(reports.Await(1));
  cluster.member(0).Kill();
  ASSERT_TRUE(reports.Await(3));
  ASSERT_TRUE(Eventually([&] { return Do(*client, Put{"a", "1"}); }));
  ASSERT_TRUE(reports.Await(4));
  const auto words = reports.words();
  EXPECT_EQ(words[1], "broken");
  EXPECT_EQ(words[2], "started");
  EXPECT_EQ(words.back(), "put a=1");
}

TEST(WatchTest, ManyWatchesComeAndGoWhileKeysChange) {
  const EtcdServer server;
  const auto client = ClientOf({server.endpoint()});
  std::atomic<bool> stop = false;
  const std::jthread writer([&] {
    while (!stop) EXPECT_TRUE(Do(*client, Put{"a", "1"}));
  });
  std::vector<std::jthread> watchers;
  for (int thread = 0; thread < 4; ++thread) {
    watchers.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        // Gone with this round: a report after the end of the watch would be seen by a sanitizer,
        // and here.
        std::atomic<bool> alive = true;
        Reports reports;
        auto watch = client->StartWatch("a", "", [&](const WatchReport& report) {
          EXPECT_TRUE(alive);
          reports.Callback()(report);
        });
        EXPECT_TRUE(reports.Await(static_cast<std::size_t>(i) % 3));
        watch.reset();
        alive = false;
      }
    });
  }
  watchers.clear();
  stop = true;
}

TEST(WatchTest, ClientEndsWhileTheServerIsAway) {
  EtcdServer server;
  auto client = ClientOf({server.endpoint()});
  Reports reports;
  auto watch = client->StartWatch("a", "", reports.Callback());
  ASSERT_TRUE(reports.Await(1));
  server.Kill();
  ASSERT_TRUE(reports.Await(2));
  watch.reset();
  client.reset();
  EXPECT_THAT(reports.words(), ElementsAre("started", "broken"));
}

}  // namespace
}  // namespace monopod::etcd
