#include "src/supervise/shared_state.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>

namespace monopod::supervise {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr BootTime kBase{hours(5)};

TEST(SharedDeadlinesTest, AreOverAtFirst) {
  SharedDeadlines shared(kBase);
  EXPECT_FALSE(shared.Load().latched);
  EXPECT_TRUE(shared.LatchIfExpired(kBase));
}

TEST(SharedDeadlinesTest, KeepBothDeadlines) {
  SharedDeadlines shared(kBase);
  shared.Set({.term = kBase + hours(14), .kill = kBase + hours(19)});
  EXPECT_EQ(shared.Load().deadlines.term, kBase + hours(14));
  EXPECT_EQ(shared.Load().deadlines.kill, kBase + hours(19));
}

TEST(SharedDeadlinesTest, RoundDown) {
  SharedDeadlines shared(kBase);
  shared.Set({.term = kBase + milliseconds(4) - nanoseconds(1), .kill = kBase + milliseconds(11)});
  EXPECT_EQ(shared.Load().deadlines.term, kBase);
  EXPECT_EQ(shared.Load().deadlines.kill, kBase + milliseconds(8));
}

TEST(SharedDeadlinesTest, AreNeverLaterThanAskedForWhereverTheyLie) {
  const BootTime year = kBase + hours(24 * 365);
  const std::array<Deadlines, 5> cases = {{{.term = BootTime::min(), .kill = BootTime::min()},
                                           {.term = kBase, .kill = BootTime::max()},
                                           {.term = BootTime::max(), .kill = BootTime::max()},
                                           {.term = year, .kill = kBase - hours(1)},
                                           {.term = year, .kill = 10 * (year - kBase) + kBase}}};
  for (const Deadlines& asked : cases) {
    SharedDeadlines shared(kBase);
    shared.Set(asked);
    const auto [term, kill] = shared.Load().deadlines;
    EXPECT_LE(kill, std::max(asked.kill, kBase));
    EXPECT_LE(term, kill);
  }
}

TEST(SharedDeadlinesTest, LatchOnlyOnceTermHasCome) {
  SharedDeadlines shared(kBase);
  shared.Set({.term = kBase + hours(1), .kill = kBase + hours(2)});
  EXPECT_FALSE(shared.LatchIfExpired(kBase + hours(1) - nanoseconds(1)));
  EXPECT_FALSE(shared.Load().latched);
  EXPECT_TRUE(shared.LatchIfExpired(kBase + hours(1)));
  EXPECT_TRUE(shared.Load().latched);
}

TEST(SharedDeadlinesTest, StandOnceLatched) {
  SharedDeadlines shared(kBase);
  shared.Set({.term = kBase + hours(1), .kill = kBase + hours(2)});
  shared.Latch();
  shared.Set({.term = kBase + hours(3), .kill = kBase + hours(4)});
  EXPECT_TRUE(shared.LatchIfExpired(kBase));
  EXPECT_EQ(shared.Load().deadlines.kill, kBase + hours(2));
}

TEST(SharedDeadlinesTest, AReaderNeverSeesHalfAPair) {
  SharedDeadlines shared(kBase);
  shared.Set({.term = kBase + hours(1), .kill = kBase + hours(2)});
  std::atomic<bool> done = false;
  std::jthread writer([&] {
    for (int i = 1; i < 100'000; ++i) {
      const BootTime term = kBase + hours(i % 1000);
      shared.Set({.term = term, .kill = term + hours(1)});
    }
    done = true;
  });
  while (!done) {
    const auto [term, kill] = shared.Load().deadlines;
    ASSERT_EQ(kill - term, hours(1));
  }
}

}  // namespace
}  // namespace monopod::supervise
