#include "src/election/preference.h"

#include <gtest/gtest.h>

namespace monopod::election {
namespace {

using std::chrono::seconds;

constexpr seconds kPatience(15);

class PreferenceTest : public ::testing::Test {
 protected:
  static Preference::Look Sees(int priority, Token token, bool held = true, bool live = true) {
    return {
        .announced = Announcement{.priority = priority, .token = token, .holder = {}, .live = live},
        .lock_is_held = held};
  }
  static Preference Of(int priority) {
    return Preference({.priority = priority, .patience = kPatience});
  }
  static BootTime At(int second) { return BootTime(seconds(1000 + second)); }
};

TEST_F(PreferenceTest, OneThatIsPreferredAnnouncesItself) {
  Preference preferred = Of(1);
  preferred.OnLook({.announced = {}, .lock_is_held = true}, 0, At(0));
  EXPECT_TRUE(preferred.Announces());
  EXPECT_FALSE(preferred.Replaces());
  EXPECT_FALSE(preferred.StandsBack());

  Preference lowest = Of(0);
  lowest.OnLook({.announced = {}, .lock_is_held = true}, 0, At(0));
  EXPECT_FALSE(lowest.Announces()) << "nobody goes after it";
}

TEST_F(PreferenceTest, TheOwnAnnouncementIsNobodyElses) {
  Preference preferred = Of(5);
  preferred.OnLook(Sees(5, 7), 7, At(0));
  EXPECT_FALSE(preferred.Announces());
  EXPECT_FALSE(preferred.StandsBack());
}

TEST_F(PreferenceTest, ALowerAnnouncementIsReplacedAndAnEqualOneLeftAlone) {
  Preference preferred = Of(5);
  preferred.OnLook(Sees(4, 7), 0, At(0));
  EXPECT_TRUE(preferred.Announces());
  EXPECT_EQ(preferred.Replaces(), Token{7});
  preferred.OnLook(Sees(5, 8), 0, At(1));
  EXPECT_FALSE(preferred.Announces());
  EXPECT_FALSE(preferred.StandsBack()) << "equals compete for the lock";
}

TEST_F(PreferenceTest, OneThatDiedWhileItWaitedIsReplacedByAnybodyPreferred) {
  Preference preferred = Of(1);
  preferred.OnLook(Sees(9, 7, true, false), 0, At(0));
  EXPECT_FALSE(preferred.StandsBack());
  EXPECT_TRUE(preferred.Announces());
  EXPECT_EQ(preferred.Replaces(), Token{7});
}

TEST_F(PreferenceTest, ALeaderStepsDownForABetterOneThatTwoLooksShowed) {
  Preference leader = Of(3);
  leader.OnLook(Sees(4, 7), 0, At(0));
  EXPECT_FALSE(leader.StepsDown()) << "the others may not have seen it yet";
  leader.OnLook(Sees(4, 8), 0, At(4));
  EXPECT_FALSE(leader.StepsDown()) << "another one";
  leader.OnLook(Sees(4, 8), 0, At(8));
  EXPECT_TRUE(leader.StepsDown());
}

TEST_F(PreferenceTest, ALeaderStaysForEqualsAndLower) {
  Preference leader = Of(3);
  for (int look = 0; look < 10; ++look) leader.OnLook(Sees(3, 7), 0, At(look));
  EXPECT_FALSE(leader.StepsDown());
  for (int look = 0; look < 10; ++look) leader.OnLook(Sees(2, 8), 0, At(look));
  EXPECT_FALSE(leader.StepsDown());
}

TEST_F(PreferenceTest, OneStandsBackWhileABetterOneWaitsForALiveLeader) {
  Preference candidate = Of(0);
  candidate.OnLook(Sees(1, 7), 0, At(0));
  candidate.OnLook(Sees(1, 7), 0, At(1000));
  EXPECT_TRUE(candidate.StandsBack());
  candidate.OnLook({.announced = {}, .lock_is_held = true}, 0, At(1001));
  EXPECT_FALSE(candidate.StandsBack());
}

TEST_F(PreferenceTest, ABetterOneThatDoesNotTakeAFreeLockIsDisregardedForGood) {
  Preference candidate = Of(1);
  candidate.OnLook(Sees(2, 7, false), 0, At(0));
  candidate.OnLook(Sees(2, 7, false), 0, At(14));
  EXPECT_TRUE(candidate.StandsBack());
  candidate.OnLook(Sees(2, 7, false), 0, At(15));
  EXPECT_FALSE(candidate.StandsBack());
  EXPECT_FALSE(candidate.Announces()) << "it would only be replaced in turn";
  // Else it would step down for it, and that again and again.
  candidate.OnRoleChange();
  candidate.OnLook(Sees(2, 7), 0, At(20));
  candidate.OnLook(Sees(2, 7), 0, At(25));
  EXPECT_FALSE(candidate.StepsDown());
  candidate.OnLook(Sees(2, 8), 0, At(30));
  candidate.OnLook(Sees(2, 8), 0, At(35));
  EXPECT_TRUE(candidate.StepsDown()) << "this one is another";
}

TEST_F(PreferenceTest, ALeaderInBetweenBeginsThePatienceAnew) {
  Preference candidate = Of(0);
  candidate.OnLook(Sees(1, 7, false), 0, At(0));
  candidate.OnLook(Sees(1, 7, true), 0, At(10));
  candidate.OnLook(Sees(1, 7, false), 0, At(16));
  candidate.OnLook(Sees(1, 7, false), 0, At(30));
  EXPECT_TRUE(candidate.StandsBack());
  candidate.OnLook(Sees(1, 7, false), 0, At(31));
  EXPECT_FALSE(candidate.StandsBack());
}

}  // namespace
}  // namespace monopod::election
