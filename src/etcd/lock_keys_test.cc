#include "src/etcd/lock_keys.h"

#include <gtest/gtest.h>

namespace monopod::etcd {
namespace {

const LockKeys kKeys("monopod/", "fw-rules");

TEST(LockKeysTest, AnIdIsTheLeaseAndTheNonce) {
  EXPECT_EQ(MakeId(0x1f, "00ab"), "1f-00ab");
  EXPECT_EQ(NonceOfId("1f-00ab"), "00ab");
  for (const char* wrong : {"", "1f", "1f-", "-00ab", "1f-00AB", "1f-00ab/"}) {
    EXPECT_FALSE(NonceOfId(wrong).has_value()) << wrong;
  }
}

TEST(LockKeysTest, OurMembersSortAfterThoseOfOthers) {
  const std::string ours = kKeys.Member(MakeId(1, "ab"));
  const std::string theirs = "monopod/locks/fw-rules/694d71ddacfda227";
  EXPECT_LT(theirs, ours);
  const auto foreign = kKeys.Foreign();
  EXPECT_TRUE(foreign.begin <= theirs && theirs < foreign.end);
  EXPECT_FALSE(ours < foreign.end);
  const auto queue = kKeys.Queue();
  EXPECT_TRUE(queue.begin <= ours && ours < queue.end);
}

TEST(LockKeysTest, NoOtherLocksKeysAreInTheQueue) {
  const auto queue = kKeys.Queue();
  for (const std::string name : {"fw-rules-2", "fw-rules.a", "fw-rule", "fw-rulesx"}) {
    const std::string other = LockKeys("monopod/", name).Member("1-ab");
    EXPECT_FALSE(queue.begin <= other && other < queue.end) << name;
  }
}

TEST(LockKeysTest, MembersAndMarkersAreTakenApartAgain) {
  EXPECT_EQ(kKeys.IdOfMember(kKeys.Member("1-ab")), "1-ab");
  EXPECT_EQ(kKeys.IdOfMarker(kKeys.Marker("1-ab")), "1-ab");
  EXPECT_FALSE(kKeys.IdOfMember("monopod/locks/fw-rules/694d71ddacfda227").has_value());
  EXPECT_FALSE(kKeys.IdOfMarker(kKeys.Member("1-ab")).has_value());
}

TEST(LockKeysTest, AListingTellsWhatEachKeyIs) {
  using Kind = LockKey::Kind;
  const auto kind_of = [](const std::string& key) { return ParseLockKey("monopod/", key)->kind; };
  EXPECT_EQ(kind_of(kKeys.Member("1-ab")), Kind::kMember);
  EXPECT_EQ(kind_of("monopod/locks/fw-rules/694d71ddacfda227"), Kind::kForeign);
  EXPECT_EQ(kind_of(kKeys.Marker("1-ab")), Kind::kMarker);
  EXPECT_EQ(kind_of(kKeys.Tail()), Kind::kTail);
  EXPECT_EQ(kind_of(kKeys.Slots()), Kind::kSlots);
  EXPECT_EQ(ParseLockKey("monopod/", kKeys.Marker("1-ab"))->lock, "fw-rules");
  EXPECT_EQ(ParseLockKey("monopod/", kKeys.Marker("1-ab"))->id, "1-ab");
  EXPECT_FALSE(ParseLockKey("monopod/", "other/locks/x/y").has_value());
  EXPECT_FALSE(ParseLockKey("monopod/", "monopod/locks/x").has_value());
}

}  // namespace
}  // namespace monopod::etcd
