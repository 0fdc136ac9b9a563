// What the queue relies on in etcd's transactions: the real ones are in tests/.
#include "sim/queue/keyspace.h"

#include <gtest/gtest.h>

namespace monopod::sim::queue {
namespace {

using etcd::Compare;
using etcd::Delete;
using etcd::Put;
using etcd::Range;
using etcd::RangeReply;
using etcd::Transaction;
using etcd::TransactionReply;

Compare Absent(std::string key) { return {.key = std::move(key)}; }

Transaction Puts(std::string key, std::string value) {
  return {.compares = {}, .then = {Put{std::move(key), std::move(value)}}};
}

TEST(KeyspaceTest, AllChangesOfATransactionHaveOneRevision) {
  Keyspace keyspace;
  const auto reply =
      keyspace.Apply({.compares = {}, .then = {Put{"a", "1"}, Put{"b", "1"}, Delete{"c"}}});
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->revision, 2);
  EXPECT_EQ(keyspace.keys().at("a").create_revision, 2);
  EXPECT_EQ(keyspace.keys().at("b").mod_revision, 2);
  ASSERT_TRUE(keyspace.Apply(Puts("a", "2")));
  EXPECT_EQ(keyspace.keys().at("a").create_revision, 2);
  EXPECT_EQ(keyspace.keys().at("a").mod_revision, 3);
}

TEST(KeyspaceTest, DeletingNothingIsNoRevision) {
  Keyspace keyspace;
  EXPECT_EQ(keyspace.Apply({.compares = {}, .then = {Delete{"a"}}})->revision, 1);
}

TEST(KeyspaceTest, NestedComparesSeeTheStateBeforeAndRangesTheStateAmid) {
  Keyspace keyspace;
  const Transaction nested{.compares = {Absent("a")}, .then = {Range{.key = "a"}}};
  const auto reply = keyspace.Apply({.compares = {}, .then = {Put{"a", "1"}, nested}});
  ASSERT_TRUE(reply);
  const auto& answer = std::get<TransactionReply>(reply->replies.at(1));
  EXPECT_TRUE(answer.succeeded);
  EXPECT_EQ(std::get<RangeReply>(answer.replies.at(0)).found.size(), 1U);
}

TEST(KeyspaceTest, APutWithALeaseThatIsGoneFailsTheWholeTransaction) {
  Keyspace keyspace;
  keyspace.Grant(7);
  const Transaction both{.compares = {}, .then = {Put{"a", "1"}, Put{"b", "1", 7}}};
  ASSERT_TRUE(keyspace.Apply(both));
  keyspace.Revoke(7);
  EXPECT_FALSE(keyspace.keys().contains("b"));
  EXPECT_TRUE(keyspace.keys().contains("a"));
  ASSERT_TRUE(keyspace.Apply({.compares = {}, .then = {Delete{"a"}}}));
  EXPECT_EQ(keyspace.Apply(both).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(keyspace.keys().empty());
}

TEST(KeyspaceTest, AKeyIsTouchedOnceByAnyPathThroughATransaction) {
  Keyspace keyspace;
  const auto refused = [&](const Transaction& transaction) {
    const auto reply = keyspace.Apply(transaction);
    return !reply && reply.error().code == ErrorCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused({.compares = {}, .then = {Put{"a", "1"}, Put{"a", "2"}}}));
  EXPECT_TRUE(refused({.compares = {}, .then = {Put{"b", "1"}, Delete{"a", "c"}}}));
  EXPECT_TRUE(refused({.compares = {}, .then = {Puts("a", "1"), Puts("a", "2")}}));
  EXPECT_FALSE(refused({.compares = {}, .then = {Put{"a", "1"}}, .otherwise = {Put{"a", "2"}}}));
}

TEST(KeyspaceTest, AnOlderRevisionIsAnsweredAsItWas) {
  Keyspace keyspace;
  ASSERT_TRUE(keyspace.Apply(Puts("a", "1")));
  ASSERT_TRUE(keyspace.Apply(Puts("a", "2")));
  const Transaction read{.compares = {}, .then = {Range{.key = "a"}}};
  const auto then = keyspace.ReadAt(read, 2);
  EXPECT_EQ(then.revision, 2);
  EXPECT_EQ(std::get<RangeReply>(then.replies.at(0)).found.at(0).value, "1");
  EXPECT_TRUE(std::get<RangeReply>(keyspace.ReadAt(read, 1).replies.at(0)).found.empty());
}

}  // namespace
}  // namespace monopod::sim::queue
