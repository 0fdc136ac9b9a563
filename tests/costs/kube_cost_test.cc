// What a lock costs an API server, as the server counts it: requests, and open watches.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "monopod/lock_client.h"
#include "src/base/clock.h"
#include "tests/support/kube_server.h"

namespace monopod {
namespace {

using namespace std::chrono_literals;
using testing::Eventually;

class KubeCostTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::string resource() const { return std::string(GetParam()) + "s"; }
  std::chrono::seconds short_ttl() const { return resource() == "leases" ? 7s : 2s; }

  LockClient Open(std::function<void(const Event&)> on_event = {}) const {
    auto client = LockClient::Open(
        {.store = std::string(GetParam()) + ":",
         .kubernetes = {.kubeconfig = server_.kubeconfig_file(), .context = "", .namespace_ = ""},
         .holder = "cost",
         .on_event = std::move(on_event)});
    EXPECT_TRUE(client.has_value()) << client.error().message;
    return std::move(*client);
  }
  static void Cycle(LockClient& client) {
    auto acquired = client.Acquire("x", {});
    ASSERT_TRUE(acquired && acquired->lock);
    ASSERT_TRUE(acquired->lock->Release().has_value());
  }
  std::int64_t Count(const std::string& verb, int status = 0) const {
    return server_.Count({.verb = verb, .resource = resource(), .status = status});
  }
  // Of cycles since the counts were reset. A hold's own thread may have opened a watch before the
  // release; then it looked at what happened before, and the release reads once more.
  void ExpectCycles(int cycles) const {
    EXPECT_EQ(Count("update", 200), 2 * cycles) << "the claim and the release";
    EXPECT_GE(Count("get"), cycles);
    EXPECT_LE(Count("get"), 3 * cycles);
    EXPECT_LE(Count("watch"), cycles);
    EXPECT_EQ(server_.Count({}), Count("update") + Count("create") + Count("get") + Count("watch"));
  }
  bool AwaitUpdates(int more) const {
    const std::int64_t before = Count("update", 200);
    return Eventually([&] { return Count("update", 200) >= before + more; });
  }

  testing::KubeServer server_;
};

TEST_P(KubeCostTest, TheFirstUseCreatesTheObjectBeside) {
  LockClient client = Open();
  Cycle(client);
  EXPECT_EQ(Count("get", 404), 1);
  EXPECT_EQ(Count("create", 201), 1);
  ExpectCycles(1);
}

TEST_P(KubeCostTest, AnUncontendedOneShotWritesTwice) {
  LockClient first = Open();
  Cycle(first);
  server_.ResetCounts();
  constexpr int kShots = 20;
  for (int i = 0; i < kShots; ++i) {
    LockClient client = Open();
    Cycle(client);
  }
  EXPECT_EQ(Count("create"), 0);
  ExpectCycles(kShots);
}

TEST_P(KubeCostTest, AHoldIsRenewedByOneWriteAQuarterOfItsTtlAndNothingElse) {
  LockClient client = Open();
  auto held = client.Acquire("x", {.times = {.ttl = short_ttl()}});
  ASSERT_TRUE(held && held->lock);
  // Its own watch, by which it learns at once that it was broken.
  ASSERT_TRUE(Eventually([&] { return server_.watches().open == 1; }));
  ASSERT_TRUE(AwaitUpdates(1)) << "the first, which may be early";
  server_.ResetCounts();
  const BootTime begun = BootClock::now();
  ASSERT_TRUE(AwaitUpdates(8));
  const std::int64_t writes = Count("update");
  const std::chrono::nanoseconds quarter = std::chrono::nanoseconds(short_ttl()) / 4;
  EXPECT_LE(writes, 1 + (BootClock::now() - begun) / quarter);
  EXPECT_EQ(server_.Count({}), Count("update")) << "nothing else is asked";
  EXPECT_EQ(server_.watches().maximum, 1);
}

TEST_P(KubeCostTest, WaitersHaveOneWatchEachAndAskForNothingElse) {
  LockClient holder = Open();
  auto held = holder.Acquire("x", {.times = {.ttl = short_ttl()}});
  ASSERT_TRUE(held && held->lock);
  constexpr int kWaiters = 3;
  std::atomic<int> waiting = 0;
  std::stop_source give_up;
  {
    std::vector<std::jthread> waiters;
    for (int i = 0; i < kWaiters; ++i) {
      waiters.emplace_back([&] {
        LockClient client = Open([&](const Event& event) {
          if (event.kind == EventKind::kWaiting) ++waiting;
        });
        const auto acquired = client.Acquire("x", {.cancel = give_up.get_token()});
        EXPECT_TRUE(acquired && !acquired->lock);
      });
    }
    ASSERT_TRUE(
        Eventually([&] { return waiting == kWaiters && server_.watches().open == kWaiters + 1; }));
    ASSERT_TRUE(AwaitUpdates(2));
    server_.ResetCounts();
    ASSERT_TRUE(AwaitUpdates(6));
    EXPECT_EQ(server_.Count({}), Count("update")) << "the watches stay open, and tell all";
    EXPECT_EQ(server_.watches().maximum, kWaiters + 1) << "and the holder's";
    give_up.request_stop();
  }
}

TEST_P(KubeCostTest, WaitersOfOneProcessShareAWatch) {
  LockClient holder = Open();
  auto held = holder.Acquire("x", {.times = {.ttl = short_ttl()}});
  ASSERT_TRUE(held && held->lock);
  ASSERT_TRUE(Eventually([&] { return server_.watches().open == 1; }));
  std::atomic<int> waiting = 0;
  std::stop_source give_up;
  LockClient client = Open([&](const Event& event) {
    if (event.kind == EventKind::kWaiting) ++waiting;
  });
  {
    std::vector<std::jthread> waiters;
    for (int i = 0; i < 3; ++i) {
      waiters.emplace_back([&] {
        const auto acquired = client.Acquire("x", {.cancel = give_up.get_token()});
        EXPECT_TRUE(acquired && !acquired->lock);
      });
    }
    ASSERT_TRUE(Eventually([&] { return waiting == 3 && server_.watches().open == 2; }));
    server_.ResetCounts();
    ASSERT_TRUE(AwaitUpdates(4));
    EXPECT_EQ(server_.watches().maximum, 2) << "one is the holder's";
    give_up.request_stop();
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, KubeCostTest, ::testing::Values("configmap", "lease"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace monopod
