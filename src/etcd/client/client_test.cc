#include "src/etcd/client/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/etcd_client.h"
#include "tests/support/etcd_server.h"

namespace monopod::etcd {
namespace {

using namespace std::chrono_literals;
using monopod::testing::ClientOf;
using monopod::testing::EtcdServer;
using monopod::testing::RandomLease;
using monopod::testing::Soon;
using monopod::testing::ValuesOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// One server for all tests of this program, each with keys of its own.
class ClientTest : public ::testing::Test {
 protected:
  static EtcdServer& Server() {
    static EtcdServer server;
    return server;
  }
  std::string Key(const std::string& name) {
    return std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()) + "/" +
           name;
  }
  std::vector<std::string> Values(Range range) { return ValuesOf(*client_, std::move(range)); }

  const std::unique_ptr<Client> client_ = ClientOf({Server().endpoint()});
};

TEST_F(ClientTest, TransactionPutsReadsAndDeletes) {
  const std::string key = Key("a");
  const auto put = client_->Transact({.compares = {}, .then = {Put{key, "1"}, Range{key}}}, Soon());
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_TRUE(put->succeeded);
  ASSERT_EQ(put->replies.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<PutReply>(put->replies[0]));
  const KeyValue found = std::get<RangeReply>(put->replies[1]).found.at(0);
  EXPECT_EQ(found.key, key);
  EXPECT_EQ(found.value, "1");
  EXPECT_EQ(found.create_revision, put->revision);
  EXPECT_EQ(found.mod_revision, put->revision);
  EXPECT_EQ(found.lease, kNoLease);

  const auto deleted =
      client_->Transact({.compares = {}, .then = {Delete{key}, Range{key}}}, Soon());
  ASSERT_TRUE(deleted) << deleted.error().message;
  EXPECT_EQ(std::get<DeleteReply>(deleted->replies[0]).deleted, 1);
  EXPECT_THAT(std::get<RangeReply>(deleted->replies[1]).found, IsEmpty());
  EXPECT_EQ(deleted->revision, put->revision + 1);
}

TEST_F(ClientTest, EachComparisonDecidesTheBranch) {
  const std::string key = Key("a");
  const auto put = client_->Transact({.compares = {}, .then = {Put{key, "m"}}}, Soon());
  ASSERT_TRUE(put);
  using Target = Compare::Target;
  using Relation = Compare::Relation;
  const auto holds = [&](Compare compare) {
    const auto reply = client_->Transact({.compares = {std::move(compare)}}, Soon());
    return reply && reply->succeeded;
  };
  const Revision revision = put->revision;
  EXPECT_TRUE(holds({key, Target::kCreateRevision, Relation::kEqual, revision}));
  EXPECT_FALSE(holds({key, Target::kCreateRevision, Relation::kNotEqual, revision}));
  EXPECT_TRUE(holds({key, Target::kModRevision, Relation::kLess, revision + 1}));
  EXPECT_FALSE(holds({key, Target::kModRevision, Relation::kGreater, revision}));
  EXPECT_TRUE(holds({key, Target::kValue, Relation::kEqual, 0, "m"}));
  EXPECT_FALSE(holds({key, Target::kValue, Relation::kEqual, 0, "n"}));
  EXPECT_TRUE(holds({Key("none"), Target::kCreateRevision, Relation::kEqual, 0}));
}

TEST_F(ClientTest, NestedTransactionAnswersInPlace) {
  const std::string key = Key("a");
  const Transaction inner{
      .compares = {{key, Compare::Target::kCreateRevision, Compare::Relation::kEqual, 0}},
      .then = {Put{key, "new"}},
      .otherwise = {Range{key}}};
  const auto reply = client_->Transact({.compares = {}, .then = {inner}}, Soon());
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_TRUE(std::get<TransactionReply>(reply->replies.at(0)).succeeded);
  const auto again = client_->Transact({.compares = {}, .then = {inner}}, Soon());
  ASSERT_TRUE(again) << again.error().message;
  const auto& nested = std::get<TransactionReply>(again->replies.at(0));
  EXPECT_FALSE(nested.succeeded);
  EXPECT_EQ(std::get<RangeReply>(nested.replies.at(0)).found.at(0).value, "new");
}

TEST_F(ClientTest, RangesAreOrderedLimitedAndFiltered) {
  std::vector<Revision> revisions;
  for (const char* name : {"b", "a", "c"}) {
    const auto put = client_->Transact({.compares = {}, .then = {Put{Key(name), name}}}, Soon());
    ASSERT_TRUE(put);
    revisions.push_back(put->revision);
  }
  Range all{.key = Key(""), .end = Key("~")};
  EXPECT_THAT(Values(all), ElementsAre("a", "b", "c"));
  all.order = Range::Order::kNewestFirst;
  EXPECT_THAT(Values(all), ElementsAre("c", "a", "b"));
  all.order = Range::Order::kOldestFirst;
  EXPECT_THAT(Values(all), ElementsAre("b", "a", "c"));
  all.max_create_revision = revisions[1];
  EXPECT_THAT(Values(all), ElementsAre("b", "a"));
  all.keys_only = true;
  EXPECT_THAT(Values(all), ElementsAre("", ""));
  all.limit = 1;
  const auto limited = client_->Transact({.compares = {}, .then = {all}}, Soon());
  ASSERT_TRUE(limited);
  EXPECT_EQ(std::get<RangeReply>(limited->replies[0]).found.size(), 1U);
  EXPECT_TRUE(std::get<RangeReply>(limited->replies[0]).more);
}

TEST_F(ClientTest, LeaseLivesIsRenewedAndTakesItsKeysAlong) {
  const LeaseId lease = RandomLease();
  const auto granted = client_->Grant(lease, 30s, Soon());
  ASSERT_TRUE(granted) << granted.error().message;
  EXPECT_EQ(*granted, 30s);
  const std::string key = Key("a");
  ASSERT_TRUE(client_->Transact({.compares = {}, .then = {Put{key, "1", lease}}}, Soon()));
  const auto renewed = client_->KeepAlive(lease, Soon());
  ASSERT_TRUE(renewed) << renewed.error().message;
  EXPECT_EQ(*renewed, 30s);
  const auto asked = client_->AskTimeToLive(lease, Soon());
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_EQ(asked->granted, 30s);
  EXPECT_GT(asked->left, 0s);
  ASSERT_TRUE(client_->Revoke(lease, Soon()));
  EXPECT_THAT(Values({.key = key}), IsEmpty());
}

TEST_F(ClientTest, ShortLeaseIsRaised) {
  const LeaseId lease = RandomLease();
  const auto granted = client_->Grant(lease, 0s + 1s, Soon());
  ASSERT_TRUE(granted) << granted.error().message;
  EXPECT_GE(*granted, 1s);
}

TEST_F(ClientTest, LeaseThatIsGoneIsNotFound) {
  const LeaseId lease = RandomLease();
  EXPECT_EQ(client_->KeepAlive(lease, Soon()).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(client_->Revoke(lease, Soon()).error().code, ErrorCode::kNotFound);
  const auto asked = client_->AskTimeToLive(lease, Soon());
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_EQ(asked->left, -1s);
  const auto put = client_->Transact({.compares = {}, .then = {Put{Key("a"), "1", lease}}}, Soon());
  EXPECT_EQ(put.error().code, ErrorCode::kNotFound) << put.error().message;
  EXPECT_NE(put.error().message.find(Server().endpoint()), std::string::npos);
}

TEST_F(ClientTest, LeaseIdInUseIsAConflict) {
  const LeaseId lease = RandomLease();
  ASSERT_TRUE(client_->Grant(lease, 30s, Soon()));
  EXPECT_EQ(client_->Grant(lease, 30s, Soon()).error().code, ErrorCode::kConflict);
}

TEST_F(ClientTest, MalformedRequestIsInvalid) {
  const auto twice =
      client_->Transact({.compares = {}, .then = {Put{Key("a"), "1"}, Put{Key("a"), "2"}}}, Soon());
  EXPECT_EQ(twice.error().code, ErrorCode::kInvalidArgument) << twice.error().message;
  const auto nameless = client_->Transact({.compares = {}, .then = {Put{"", "1"}}}, Soon());
  EXPECT_EQ(nameless.error().code, ErrorCode::kInvalidArgument) << nameless.error().message;
  const auto large = client_->Transact(
      {.compares = {}, .then = {Put{Key("a"), std::string(3'000'000, 'x')}}}, Soon());
  EXPECT_FALSE(large);
}

TEST_F(ClientTest, AnswerMayBeLarge) {
  constexpr int kValues = 6;
  for (int i = 0; i < kValues; ++i) {
    ASSERT_TRUE(client_->Transact(
        {.compares = {}, .then = {Put{Key(std::to_string(i)), std::string(1'000'000, 'x')}}},
        Soon()));
  }
  EXPECT_EQ(Values({.key = Key(""), .end = Key("~")}).size(), std::size_t{kValues});
}

TEST_F(ClientTest, PassedDeadlineAsksNobody) {
  const auto read =
      client_->Transact({.compares = {}, .then = {Range{Key("a")}}}, BootClock::now());
  EXPECT_EQ(read.error().code, ErrorCode::kDeadlineExceeded);
}

TEST_F(ClientTest, ManyCallsAtOnceAllArrive) {
  constexpr int kThreads = 16;
  constexpr int kCalls = 50;
  std::atomic<int> failed = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        const LeaseId lease = RandomLease();
        if (!client_->Grant(lease, 60s, Soon())) ++failed;
        for (int call = 0; call < kCalls; ++call) {
          const std::string key = Key(std::to_string(thread) + "." + std::to_string(call));
          if (!client_->Transact({.compares = {}, .then = {Put{key, "1", lease}}}, Soon()))
            ++failed;
          if (call % 10 == 0 && !client_->KeepAlive(lease, Soon())) ++failed;
        }
      });
    }
  }
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(Values({.key = Key(""), .end = Key("~")}).size(), std::size_t{kThreads} * kCalls);
}

}  // namespace
}  // namespace monopod::etcd
