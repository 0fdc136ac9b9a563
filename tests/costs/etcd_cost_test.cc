// What a lock costs an etcd, as the server counts it: entries applied through the quorum, and
// calls.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "monopod/lock_client.h"
#include "tests/support/etcd_server.h"

namespace monopod {
namespace {

using namespace std::chrono_literals;

// What the server counted since this was made.
class Costs {
 public:
  explicit Costs(const testing::EtcdServer& server) : server_(server), before_(Now()) {}
  double commits() const { return Now().commits - before_.commits; }
  double transactions() const { return Now().transactions - before_.transactions; }
  double ranges() const { return Now().ranges - before_.ranges; }
  double grants() const { return Now().grants - before_.grants; }
  // Transactions that only read are not applied through the quorum.
  double reads() const { return ranges() + transactions() + grants() - commits(); }

 private:
  struct Counts {
    double commits = 0;
    double transactions = 0;
    double ranges = 0;
    double grants = 0;
  };
  double Handled(const std::string& method) const {
    return server_.Metric("grpc_server_handled_total", "grpc_method=\"" + method + "\"");
  }
  Counts Now() const {
    return {.commits = server_.Metric("etcd_server_proposals_applied_total"),
            .transactions = Handled("Txn"),
            .ranges = Handled("Range"),
            .grants = Handled("LeaseGrant")};
  }

  const testing::EtcdServer& server_;
  const Counts before_;
};

class EtcdCostTest : public ::testing::Test {
 protected:
  LockClient Open() const {
    auto client = LockClient::Open({.store = server_.Url(), .holder = "cost"});
    EXPECT_TRUE(client.has_value()) << client.error().message;
    return std::move(*client);
  }
  static void Cycle(LockClient& client) {
    auto acquired = client.Acquire("x", {});
    ASSERT_TRUE(acquired && acquired->lock);
    ASSERT_TRUE(acquired->lock->Release().has_value());
  }

  testing::EtcdServer server_;
};

TEST_F(EtcdCostTest, AnUncontendedCycleIsTwoCommitsAndNoRead) {
  LockClient client = Open();
  Cycle(client);  // grants the lease
  const Costs costs(server_);
  constexpr int kCycles = 100;
  for (int i = 0; i < kCycles; ++i) Cycle(client);
  EXPECT_EQ(costs.commits(), 2 * kCycles);
  EXPECT_EQ(costs.transactions(), 2 * kCycles);
  EXPECT_EQ(costs.ranges(), 0);
  EXPECT_EQ(costs.grants(), 0);
}

TEST_F(EtcdCostTest, AOneShotIsThreeCommitsAndNoRead) {
  const Costs costs(server_);
  constexpr int kShots = 20;
  for (int i = 0; i < kShots; ++i) {
    LockClient client = Open();
    Cycle(client);
  }
  EXPECT_EQ(costs.grants(), kShots);
  EXPECT_EQ(costs.transactions(), 2 * kShots);
  EXPECT_EQ(costs.commits(), 3 * kShots);
  EXPECT_EQ(costs.ranges(), 0);
}

TEST_F(EtcdCostTest, ANumberOfSlotsThatWasSaidIsLearnedOnce) {
  LockClient client = Open();
  ASSERT_TRUE(client.Create("x", 1).has_value());
  Cycle(client);
  const Costs costs(server_);
  constexpr int kCycles = 20;
  for (int i = 0; i < kCycles; ++i) Cycle(client);
  EXPECT_EQ(costs.commits(), 2 * kCycles);
  EXPECT_EQ(costs.reads(), 0);
}

TEST_F(EtcdCostTest, ACycleOfOneOfThreeSlotsIsThreeCommitsAndOneRead) {
  LockClient client = Open();
  ASSERT_TRUE(client.Create("x", 3).has_value());
  Cycle(client);
  const Costs costs(server_);
  constexpr int kCycles = 20;
  for (int i = 0; i < kCycles; ++i) Cycle(client);
  EXPECT_EQ(costs.commits(), 3 * kCycles) << "the claim, its word that it holds, and the release";
  EXPECT_EQ(costs.reads(), kCycles) << "all claims before it";
}

TEST_F(EtcdCostTest, AHandOverAwaitsTheReleaseOnly) {
  LockClient first = Open();
  std::atomic<bool> waits{false};
  auto second = LockClient::Open(
      {.store = server_.Url(), .holder = "second", .on_event = [&](const Event& event) {
         if (event.kind == EventKind::kWaiting) waits = true;
       }});
  ASSERT_TRUE(second.has_value());
  auto held = first.Acquire("x", {});
  ASSERT_TRUE(held && held->lock);
  std::atomic<bool> has_it{false};
  std::atomic<bool> counted{false};
  std::jthread waiter([&] {
    auto acquired = second->Acquire("x", {});
    EXPECT_TRUE(acquired && acquired->lock);
    has_it = true;
    // Its release is not counted.
    while (!counted) std::this_thread::yield();
  });
  // Who holds the lock is the last that it asks for while nothing happens.
  EXPECT_TRUE(testing::Eventually([&] { return waits.load(); }));
  const Costs costs(server_);
  EXPECT_TRUE(held->lock->Release().has_value());
  EXPECT_TRUE(testing::Eventually([&] { return has_it.load(); }));
  EXPECT_EQ(costs.commits(), 1) << "the release";
  EXPECT_EQ(costs.transactions(), 1);
  EXPECT_EQ(costs.reads(), 0);
  counted = true;
}

}  // namespace
}  // namespace monopod
