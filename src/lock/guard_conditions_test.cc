#include "src/lock/guard_conditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace monopod::lock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kNonce = "0123456789abcdef0123456789abcdef";
constexpr const char* kOtherNonce = "ffffffffffffffffffffffffffffffff";

class GuardConditionsTest : public ::testing::Test {
 protected:
  struct Claim {
    std::string holder;
    std::string nonce = kNonce;
    etcd::Revision token = 0;
    int slots = 1;
    etcd::MemberPhase phase = etcd::MemberPhase::kQueued;
    bool alive = true;
    std::string note;
  };
  void Add(const Claim& claim) {
    const std::string id = etcd::MakeId(claim.token, claim.nonce);
    const etcd::MemberValue member{.holder = {.name = claim.holder}, .phase = claim.phase};
    const etcd::MarkerValue marker{
        .slots = claim.slots, .holder = {.name = claim.holder}, .note = claim.note};
    if (claim.alive) {
      contents_.members.push_back({.key = keys_.Member(id),
                                   .value = etcd::Encode(member),
                                   .create_revision = claim.token,
                                   .mod_revision = claim.token});
    }
    contents_.markers.push_back({.key = keys_.Marker(id),
                                 .value = etcd::Encode(marker),
                                 .create_revision = claim.token,
                                 .mod_revision = claim.token});
    if (claim.slots > 1) {
      contents_.slots = etcd::KeyValue{.key = keys_.Slots(),
                                       .value = etcd::Encode(etcd::SlotsValue{claim.slots}),
                                       .create_revision = 1,
                                       .mod_revision = 1};
    }
  }
  Result<std::vector<GuardCondition>> Conditions(Token token) const {
    return ConditionsOf({.lock = "x", .token = token, .instance = {}}, keys_, contents_);
  }
  std::string WhyNot(Token token) const {
    const auto conditions = Conditions(token);
    if (conditions) return "";
    EXPECT_EQ(conditions.error().code, ErrorCode::kNotHolder);
    return conditions.error().message;
  }

  const etcd::LockKeys keys_{"monopod/", "x"};
  etcd::LockContents contents_;
};

TEST_F(GuardConditionsTest, AreTheOwnKeyAndNothingOlder) {
  Add({.holder = "a", .token = 5});
  Add({.holder = "b", .nonce = kOtherNonce, .token = 7});
  const auto conditions = Conditions(5);
  ASSERT_TRUE(conditions) << conditions.error().message;
  EXPECT_THAT(*conditions,
              ElementsAre(GuardCondition{.key = std::string("monopod/locks/x/~5-") + kNonce,
                                         .range_end = "",
                                         .relation = GuardCondition::Relation::kEqual,
                                         .create_revision = 5},
                          GuardCondition{.key = "monopod/locks/x/",
                                         .range_end = "monopod/locks/x0",
                                         .relation = GuardCondition::Relation::kGreater,
                                         .create_revision = 4}));
}

TEST_F(GuardConditionsTest, AreTheOwnKeyAloneWhereOthersHoldToo) {
  Add({.holder = "a", .token = 5, .slots = 2, .phase = etcd::MemberPhase::kHeld});
  Add({.holder = "b", .token = 7, .slots = 2, .phase = etcd::MemberPhase::kHeld});
  const auto conditions = Conditions(7);
  ASSERT_TRUE(conditions) << conditions.error().message;
  ASSERT_EQ(conditions->size(), 1U);
  EXPECT_EQ(conditions->front().create_revision, 7);
}

TEST_F(GuardConditionsTest, RefuseAClaimThatOnlyWaits) {
  Add({.holder = "a", .token = 5});
  Add({.holder = "b", .token = 7});
  EXPECT_THAT(WhyNot(7), HasSubstr("has not begun; a (token 5) holds it now"));
}

TEST_F(GuardConditionsTest, RefuseAClaimThatWaitsForASlot) {
  for (const etcd::Revision token : {5, 6}) {
    Add({.holder = "a", .token = token, .slots = 2, .phase = etcd::MemberPhase::kHeld});
  }
  Add({.holder = "b", .token = 7, .slots = 2});
  EXPECT_THAT(WhyNot(7), HasSubstr("has not begun; a (token 5), a (token 6) hold it now"));
}

TEST_F(GuardConditionsTest, RefuseAHoldBehindAKeyOfOthers) {
  Add({.holder = "b", .token = 7});
  contents_.members.push_back({.key = "monopod/locks/x/694d7", .create_revision = 4});
  EXPECT_THAT(WhyNot(7), HasSubstr("monopod/locks/x/694d7 (token 4) holds it now"));
}

TEST_F(GuardConditionsTest, RefuseAHoldThatIsOver) {
  EXPECT_THAT(WhyNot(5), HasSubstr("with token 5 is over; nobody holds it now"));
  Add({.holder = "a", .token = 5, .alive = false, .note = "broken by root: stuck"});
  EXPECT_THAT(WhyNot(5), HasSubstr("is over (broken by root: stuck); nobody holds it now"));
  Add({.holder = "b", .token = 7});
  EXPECT_THAT(WhyNot(5), HasSubstr("b (token 7) is taking it over"));
}

TEST_F(GuardConditionsTest, AreNotMadeFromWhatCannotBeRead) {
  Add({.holder = "a", .token = 5});
  contents_.members.front().value = R"({"format": 999})";
  const auto conditions = Conditions(5);
  ASSERT_FALSE(conditions);
  EXPECT_EQ(conditions.error().code, ErrorCode::kUnsupported);
  const Error fenced = FencedOff({.lock = "x", .token = 5, .instance = {}}, keys_, contents_);
  EXPECT_EQ(fenced.code, ErrorCode::kNotHolder);
  EXPECT_THAT(fenced.message, HasSubstr("cannot be read"));
}

TEST_F(GuardConditionsTest, AHandleIsGoodForItsOwnHoldOnly) {
  Add({.holder = "a", .token = 5});
  EXPECT_TRUE(ConditionsOf({.lock = "x", .token = 5, .instance = kNonce}, keys_, contents_));
  const GuardedHold other{.lock = "x", .token = 5, .instance = kOtherNonce};
  const auto refused = ConditionsOf(other, keys_, contents_);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("is not that of this handle; a (token 5) holds"));
}

TEST_F(GuardConditionsTest, GuardEachOperationAndReadTheLockElse) {
  Add({.holder = "a", .token = 5});
  const auto guarded = GuardedTransaction(*Conditions(5), etcd::Put{"k", "v"}, keys_);
  ASSERT_EQ(guarded.compares.size(), 2U);
  EXPECT_EQ(guarded.compares[0].relation, etcd::Compare::Relation::kEqual);
  EXPECT_EQ(guarded.compares[0].end, "");
  EXPECT_EQ(guarded.compares[1].relation, etcd::Compare::Relation::kGreater);
  EXPECT_EQ(guarded.compares[1].end, "monopod/locks/x0");
  ASSERT_EQ(guarded.then.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<etcd::Put>(guarded.then.front()));
  EXPECT_FALSE(guarded.otherwise.empty());
}

TEST(GuardedKeyTest, KeysOfLocksAreRefused) {
  for (const std::string key :
       {"", "team/locks/x/~1-2", "team/marks/", "team/tails/x", "team/slots/x"}) {
    EXPECT_FALSE(CheckGuardedKey("team/", key)) << key;
  }
  for (const std::string key : {"x", "team/locks", "team/config", "other/locks/x", "team/"}) {
    EXPECT_TRUE(CheckGuardedKey("team/", key)) << key;
  }
}

}  // namespace
}  // namespace monopod::lock
