#include "src/election/preference.h"

#include <gtest/gtest.h>

namespace monopod::election {
namespace {

using std::chrono::seconds;

constexpr seconds kPatience(15);
constexpr seconds kTtl(10);

class PreferenceTest : public ::testing::Test {
 protected:
  // At each look the announcement and whoever holds the lock have renewed.
  Preference::Look Sees(int priority, Token token, bool held = true) {
    ++renewals_;
    return SeesAgain(priority, token, held);
  }
  // The same, without a renewal.
  Preference::Look SeesAgain(int priority, Token token, bool held = true) const {
    Preference::Look look{.announced = Announcement{.priority = priority, .hold = Mark(token)}};
    if (held) look.lock = Mark(1);
    return look;
  }
  HoldMark Mark(Token token) const {
    return {.token = token, .renewed = WallTime(seconds(renewals_)), .ttl = kTtl};
  }
  static Preference Of(int priority) {
    return Preference({.priority = priority, .patience = kPatience});
  }
  static BootTime At(int second) { return BootTime(seconds(1000 + second)); }

 private:
  int renewals_ = 0;
};

TEST_F(PreferenceTest, OneThatIsPreferredAnnouncesItself) {
  Preference preferred = Of(1);
  preferred.OnLook({}, 0, At(0));
  EXPECT_TRUE(preferred.Announces());
  EXPECT_FALSE(preferred.Replaces());
  EXPECT_FALSE(preferred.StandsBack());

  Preference lowest = Of(0);
  lowest.OnLook({}, 0, At(0));
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
  preferred.OnLook(Sees(9, 7), 0, At(0));
  preferred.OnLook(SeesAgain(9, 7), 0, At(10));
  EXPECT_TRUE(preferred.StandsBack());
  EXPECT_FALSE(preferred.Announces());
  preferred.OnLook(SeesAgain(9, 7), 0, At(11));
  EXPECT_FALSE(preferred.StandsBack());
  EXPECT_TRUE(preferred.Announces());
  EXPECT_EQ(preferred.Replaces(), Token{7});
}

TEST_F(PreferenceTest, ALeaderStepsDownForABetterOneThatItHasSeenRenewing) {
  Preference leader = Of(3);
  leader.OnLook(Sees(4, 7), 0, At(0));
  EXPECT_FALSE(leader.StepsDown()) << "the others may not have seen it yet";
  leader.OnLook(Sees(4, 8), 0, At(4));
  EXPECT_FALSE(leader.StepsDown()) << "another one";
  leader.OnLook(SeesAgain(4, 8), 0, At(8));
  EXPECT_FALSE(leader.StepsDown()) << "it may have died";
  leader.OnLook(Sees(4, 8), 0, At(12));
  EXPECT_TRUE(leader.StepsDown());
}

TEST_F(PreferenceTest, ALeaderStaysForOneThatComesBackAgainAndAgainButNeverRenews) {
  Preference leader = Of(3);
  for (Token token = 7; token < 20; ++token) {
    const int begin = static_cast<int>(token) * 12;
    leader.OnLook(Sees(4, token), 0, At(begin));
    for (int look = 1; look < 4; ++look) leader.OnLook(SeesAgain(4, token), 0, At(begin + look));
    EXPECT_FALSE(leader.StepsDown());
  }
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
  EXPECT_TRUE(candidate.StandsBack()) << "both have renewed in between";
  candidate.OnLook({}, 0, At(1001));
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

TEST_F(PreferenceTest, ALeaderThatHasGoneSilentHoldsNoMore) {
  Preference candidate = Of(0);
  Preference::Look look = Sees(1, 7);
  const std::optional<HoldMark> dead = look.lock;
  for (int second = 0; second < 26; ++second) {
    look = Sees(1, 7);
    look.lock = dead;
    candidate.OnLook(look, 0, At(second));
    EXPECT_TRUE(candidate.StandsBack()) << second;
  }
  // Silent for 10.1 s as of the 11th, and then the patience.
  candidate.OnLook(look, 0, At(26));
  EXPECT_FALSE(candidate.StandsBack());
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
