// Guards of the library, on a real etcd.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monopod/guard.h"
#include "src/etcd/lock_keys.h"
#include "src/etcd/lock_values.h"
#include "src/lock/client_impl.h"
#include "src/lock/etcd_backend.h"
#include "src/lock/guard_conditions.h"
#include "tests/support/etcd_client.h"
#include "tests/support/etcd_server.h"
#include "tests/support/faulty_api.h"

namespace monopod::lock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class GuardTest : public ::testing::Test {
 protected:
  LockClient Client(const std::string& holder) const {
    auto client = LockClientOverStore::Make(
        {.backend = std::make_shared<EtcdBackend>(std::make_shared<EtcdStore>(api_, "monopod/")),
         .url = server_.Url(),
         .scope = "all"},
        {.holder = holder, .store_timeout = std::chrono::seconds(2)});
    EXPECT_TRUE(client);
    return std::move(*client);
  }
  static Lock MustAcquire(LockClient& client, const AcquireOptions& options = {}) {
    auto acquired = client.Acquire("x", options);
    EXPECT_TRUE(acquired && acquired->lock);
    return std::move(*acquired->lock);
  }
  std::vector<std::string> Stored(const std::string& key) {
    return testing::ValuesOf(*api_, {.key = key});
  }
  void PutMember(const std::string& key) {
    const std::string value = etcd::Encode(etcd::MemberValue{});
    EXPECT_TRUE(api_->Transact({.compares = {}, .then = {etcd::Put{key, value}}}, testing::Soon()));
  }
  static std::string Read(const Guard& guard, std::string_view key) {
    const auto value = guard.Get(key);
    return value ? value->value_or("(nothing)") : value.error().message;
  }
  static ErrorCode CodeOf(const Result<void>& result) {
    EXPECT_FALSE(result);
    return result ? ErrorCode::kInternal : result.error().code;
  }

  testing::EtcdServer server_;
  std::shared_ptr<testing::FaultyApi> api_ =
      std::make_shared<testing::FaultyApi>(testing::ClientOf({server_.endpoint()}));
};

TEST_F(GuardTest, WritesReadsAndDeletesWhileTheLockIsHeld) {
  LockClient client = Client("a");
  const Lock lock = MustAcquire(client);
  const auto guard = Guard::Of(client, lock);
  ASSERT_TRUE(guard) << guard.error().message;
  EXPECT_EQ(guard->token(), lock.token());
  EXPECT_EQ(Read(*guard, "k"), "(nothing)");
  EXPECT_TRUE(guard->Put("k", "v"));
  EXPECT_EQ(Read(*guard, "k"), "v");
  EXPECT_EQ(guard->Delete("k"), true);
  EXPECT_EQ(guard->Delete("k"), false);
  EXPECT_EQ(CodeOf(guard->Put("monopod/locks/y/a", "")), ErrorCode::kInvalidArgument);
}

TEST_F(GuardTest, DoesNothingOnceTheHoldIsOver) {
  LockClient client = Client("a");
  LockClient other = Client("b");
  Lock lock = MustAcquire(client);
  const auto guard = Guard::Of(client, lock);
  ASSERT_TRUE(guard && guard->Put("k", "of a"));
  ASSERT_TRUE(lock.Release());
  EXPECT_EQ(CodeOf(guard->Put("k", "nobody holds it")), ErrorCode::kNotHolder);
  const Lock next = MustAcquire(other);
  const auto put = guard->Put("k", "somebody else holds it");
  EXPECT_EQ(CodeOf(put), ErrorCode::kNotHolder);
  EXPECT_THAT(put.error().message, HasSubstr("b (token " + std::to_string(next.token())));
  EXPECT_FALSE(guard->Get("k"));
  EXPECT_FALSE(guard->Delete("k"));
  EXPECT_THAT(Stored("k"), ElementsAre("of a"));
  const auto again = Guard::Of(client, Guard::Hold{.lock = "x", .token = guard->token()});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kNotHolder);
}

TEST_F(GuardTest, AWriteWhoseAnswerIsLostIsReportedAsUnknownAndNotRepeated) {
  LockClient client = Client("a");
  const auto acquired = client.AcquireHandle("x", {}, false);
  ASSERT_TRUE(acquired && acquired->handle);
  const auto guard = Guard::Of(client, *acquired->handle);
  ASSERT_TRUE(guard);
  api_->lose_replies = 1;
  EXPECT_EQ(CodeOf(guard->Put("landed", "v")), ErrorCode::kIndeterminate);
  EXPECT_THAT(Stored("landed"), ElementsAre("v"));
  api_->lose_requests = 1;
  EXPECT_EQ(CodeOf(guard->Put("lost", "v")), ErrorCode::kIndeterminate);
  EXPECT_THAT(Stored("lost"), IsEmpty());
  api_->down = true;
  EXPECT_EQ(CodeOf(guard->Put("k", "v")), ErrorCode::kUnavailable);
}

TEST_F(GuardTest, EachHolderOfSeveralSlotsWritesWhileItsOwnHoldIsLive) {
  LockClient client = Client("a");
  const AcquireOptions two{.slots = 2};
  Lock first = MustAcquire(client, two);
  const Lock second = MustAcquire(client, two);
  const auto of_first = Guard::Of(client, first);
  const auto of_second = Guard::Of(client, second);
  ASSERT_TRUE(of_first && of_second);
  EXPECT_EQ(of_second->conditions().size(), 1U);
  EXPECT_TRUE(of_second->Put("k", "of the second"));
  EXPECT_TRUE(of_first->Put("k", "of the first"));
  ASSERT_TRUE(first.Release());
  EXPECT_EQ(CodeOf(of_first->Put("k", "late")), ErrorCode::kNotHolder);
  EXPECT_TRUE(of_second->Put("k", "of the second"));
}

// Conditions as the server judges them, on keys made by hand.
TEST_F(GuardTest, TheConditionsWaitForOlderKeysAndMindNoYoungerOnes) {
  const etcd::LockKeys keys("monopod/", "x");
  PutMember("monopod/locks/w/a");
  PutMember("monopod/locks/x/older");
  PutMember(keys.Member("1-a"));
  const auto read = api_->Transact(etcd::ReadLockTransaction(keys), testing::Soon());
  ASSERT_TRUE(read);
  etcd::LockContents contents = etcd::ReadLockContents(*read);
  ASSERT_EQ(contents.members.size(), 2U);
  std::erase_if(contents.members, [](const auto& at) { return at.key.ends_with("older"); });
  const auto token = static_cast<Token>(contents.members.front().create_revision);
  const auto conditions =
      ConditionsOf({.lock = "x", .token = token, .instance = {}}, keys, contents);
  ASSERT_TRUE(conditions);
  const auto holds = [&] {
    const auto reply =
        api_->Transact(GuardedTransaction(*conditions, etcd::Put{"k", ""}, keys), testing::Soon());
    EXPECT_TRUE(reply);
    return reply && reply->succeeded;
  };
  EXPECT_FALSE(holds());
  testing::Etcdctl(server_.endpoint(), {"del", "monopod/locks/x/older"});
  EXPECT_TRUE(holds());
  PutMember("monopod/locks/x/younger");
  PutMember(keys.Member("2-b"));
  EXPECT_TRUE(holds());
  testing::Etcdctl(server_.endpoint(), {"del", keys.Member("1-a")});
  EXPECT_FALSE(holds());
  PutMember(keys.Member("1-a"));  // the same name again is another key
  EXPECT_FALSE(holds());
}

TEST(GuardOnOtherStoresTest, IsRefusedWithWhatToUseInstead) {
  auto client = LockClient::Open({.store = "memory:"});
  ASSERT_TRUE(client);
  auto acquired = client->Acquire("x", {});
  ASSERT_TRUE(acquired && acquired->lock);
  const auto guard = Guard::Of(*client, *acquired->lock);
  ASSERT_FALSE(guard);
  EXPECT_EQ(guard.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(guard.error().message, HasSubstr("MONOPOD_TOKEN"));
}

}  // namespace
}  // namespace monopod::lock
