#include "src/protocol/crowd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace monopod::protocol {
namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

// Hand-overs among many, without a store or a clock: everybody draws, and who comes before the
// first claim is known writes in vain.
class Contest {
 public:
  struct Options {
    int waiters = 50;
    nanoseconds settle = 20ms;  // of a claim, as of an update
    nanoseconds call = 20ms;    // what a newcomer's look has taken
    nanoseconds late = 0ms;     // how much later than others one may hear of anything
  };
  explicit Contest(Options options) : options_(options) {
    for (int i = 0; i <= options.waiters; ++i) crowds_.push_back(Newcomer());
    for (int round = 0; round < kRounds; ++round) HandOver(round >= kFirstRounds);
  }

  double rejected() const { return static_cast<double>(rejected_) / (kRounds - kFirstRounds); }
  // The median, with the claim itself, in updates.
  double updates() {
    std::ranges::sort(times_);
    return static_cast<double>(times_.at(times_.size() / 2).count()) /
           static_cast<double>(options_.settle.count());
  }

 private:
  static constexpr int kRounds = 400;
  static constexpr int kFirstRounds = 50;

  Crowd Newcomer() const {
    Crowd crowd;
    crowd.CallTook(options_.call);
    return crowd;
  }
  std::string NextNonce() { return "n" + std::to_string(++nonces_); }
  nanoseconds Late() {
    const auto hash = std::hash<std::string>{}(NextNonce()) % 1000;
    return options_.late * static_cast<std::int64_t>(hash) / 1000;
  }

  void HandOver(bool counts) {
    struct Waiter {
      std::size_t who;
      nanoseconds heard;
      nanoseconds claims;
    };
    std::vector<Waiter> waiters;
    for (std::size_t who = 0; who < crowds_.size(); ++who) {
      if (who == holder_) continue;
      const nanoseconds heard = Late();
      waiters.push_back({who, heard, heard + crowds_[who].Delay(NextNonce())});
    }
    const Waiter winner = *std::ranges::min_element(waiters, {}, &Waiter::claims);
    const nanoseconds known = winner.claims + options_.settle;
    for (const Waiter& waiter : waiters) {
      if (waiter.who == winner.who) continue;
      const nanoseconds hears = known + Late();
      if (waiter.claims < hears) {
        crowds_[waiter.who].Rejected(options_.settle);
        rejected_ += counts ? 1 : 0;
      } else {
        crowds_[waiter.who].SomebodyElseClaimed(hears - waiter.heard);
      }
    }
    if (counts) times_.push_back(known);
    crowds_[holder_] = Newcomer();
    holder_ = winner.who;
  }

  const Options options_;
  std::vector<Crowd> crowds_;
  std::size_t holder_ = 0;
  int nonces_ = 0;
  int rejected_ = 0;
  std::vector<nanoseconds> times_;
};

TEST(CrowdTest, FiftyWaitersRejectLessThanOneWriteAndTakeLessThanThreeUpdates) {
  for (const nanoseconds settle : {3ms, 20ms, 100ms}) {
    Contest contest({.settle = settle, .call = settle});
    EXPECT_LE(contest.rejected(), 0.9) << settle.count();
    EXPECT_LE(contest.updates(), 2.75) << settle.count();
  }
}

TEST(CrowdTest, SoItIsIfSomeHearOfItLate) {
  Contest contest({.late = 8ms});
  EXPECT_LE(contest.rejected(), 1.0);
  EXPECT_LE(contest.updates(), 3.0);
}

TEST(CrowdTest, NewsThatComeLaterThanAClaimTakesCostAFewWritesMore) {
  Contest contest({.late = 40ms});
  EXPECT_LE(contest.rejected(), 4.0);
}

TEST(CrowdTest, SoItIsIfTheFirstLookWasNoMeasure) {
  for (const nanoseconds call : {2ms, 100ms}) {
    Contest contest({.call = call});
    EXPECT_LE(contest.rejected(), 1.0) << call.count();
    EXPECT_LE(contest.updates(), 3.0) << call.count();
  }
}

TEST(CrowdTest, MoreOrFewerWaitersRejectNoMoreWrites) {
  for (const int waiters : {2, 5, 20, 150}) {
    Contest contest({.waiters = waiters});
    EXPECT_LE(contest.rejected(), 1.0) << waiters;
    EXPECT_LE(contest.updates(), 12) << waiters;
  }
}

TEST(CrowdTest, WhoIsAloneDoesNotWaitForLong) {
  Contest contest({.waiters = 1});
  EXPECT_LE(contest.updates(), 13);
}

TEST(CrowdTest, ARejectedWriteShowsHowLongAClaimTakes) {
  Crowd crowd;
  crowd.CallTook(2ms);
  const nanoseconds before = crowd.Window();
  crowd.Rejected(20ms);
  EXPECT_GT(crowd.Window(), 9 * before);
}

TEST(CrowdTest, DelaysStayWithinTheWindowAndTheWindowWithinTwoSeconds) {
  Crowd crowd;
  crowd.CallTook(10s);
  crowd.SomebodyElseClaimed(1h);
  for (int i = 0; i < 100; ++i) crowd.Rejected(10s);
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
