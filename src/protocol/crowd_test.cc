#include "src/protocol/crowd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace monopod::protocol {
namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

// What a hand-over among many looks like, without a store: everybody's delay is drawn, and whoever
// comes before the first claim is known to all writes in vain.
struct HandOver {
  nanoseconds first{0};
  int rejected = 0;
};
HandOver Play(const Crowd& crowd, int waiters, nanoseconds settle, int round) {
  std::vector<nanoseconds> delays;
  for (int waiter = 0; waiter < waiters; ++waiter) {
    delays.push_back(crowd.Delay("n" + std::to_string(round * 1000 + waiter)));
  }
  std::ranges::sort(delays);
  HandOver played{.first = delays.front()};
  for (const nanoseconds delay : delays) {
    if (delay > played.first && delay < played.first + settle) ++played.rejected;
  }
  return played;
}

// Rejected writes a hand-over, on average.
double Rejected(const Crowd& crowd, int waiters, nanoseconds settle) {
  constexpr int kRounds = 300;
  int rejected = 0;
  for (int round = 0; round < kRounds; ++round) {
    rejected += Play(crowd, waiters, settle, round).rejected;
  }
  return static_cast<double>(rejected) / kRounds;
}

TEST(CrowdTest, AboutOneWriteIsRejectedHoweverManyWait) {
  Crowd crowd;
  crowd.CallTook(2ms);
  constexpr auto kSettle = 2500us;  // the call, and then the news of it
  for (const int waiters : {2, 10, 50, 64}) {
    EXPECT_LT(Rejected(crowd, waiters, kSettle), 1.7) << waiters;
  }
}

TEST(CrowdTest, ALongerHandOverThanGuessedIsLearned) {
  Crowd crowd;
  crowd.CallTook(1ms);
  constexpr auto kSettle = 10ms;
  EXPECT_GT(Rejected(crowd, 50, kSettle), 5);
  for (int round = 0; round < 20; ++round) {
    crowd.SomebodyElseClaimed(Play(crowd, 50, kSettle, 500 + round).first + kSettle);
  }
  EXPECT_LT(Rejected(crowd, 50, kSettle), 2);
}

TEST(CrowdTest, AShorterOneIsLearnedToo) {
  Crowd crowd;
  crowd.CallTook(1ms);
  for (int i = 0; i < 5; ++i) crowd.Rejected();
  const nanoseconds wide = crowd.Window();
  for (int round = 0; round < 20; ++round) crowd.SomebodyElseClaimed(3ms);
  EXPECT_LT(crowd.Window(), wide / 4);
}

TEST(CrowdTest, ARejectedWriteDoublesTheWindow) {
  Crowd crowd;
  crowd.CallTook(2ms);
  const nanoseconds before = crowd.Window();
  crowd.Rejected();
  EXPECT_EQ(crowd.Window(), 2 * before);
}

TEST(CrowdTest, DelaysStayWithinTheWindowAndTheWindowWithinTwoSeconds) {
  Crowd crowd;
  crowd.CallTook(10s);
  crowd.SomebodyElseClaimed(1h);
  for (int i = 0; i < 100; ++i) crowd.Rejected();
  EXPECT_LE(crowd.Window(), 2s);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_GE(crowd.Delay(std::to_string(i)), 0s);
    EXPECT_LE(crowd.Delay(std::to_string(i)), crowd.Window());
  }
}

TEST(CrowdTest, TheFirstSlowCallDoesNotCountForLong) {
  Crowd crowd;
  crowd.CallTook(100ms);
  const nanoseconds before = crowd.Window();
  crowd.CallTook(2ms);
  EXPECT_LT(crowd.Window(), before / 10);
}

}  // namespace
}  // namespace monopod::protocol
