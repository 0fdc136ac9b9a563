#include "src/base/timer.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <vector>

namespace monopod {
namespace {

using std::chrono::milliseconds;

TEST(TimerTest, RunsInTheOrderOfTheMoments) {
  std::vector<int> order;
  std::promise<void> last;
  Timer timer;
  const BootTime now = BootClock::now();
  ASSERT_TRUE(timer.At(now + milliseconds(30), [&] {
    order.push_back(2);
    last.set_value();
  }));
  ASSERT_TRUE(timer.At(now + milliseconds(10), [&] { order.push_back(1); }));
  ASSERT_EQ(last.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_GE(BootClock::now(), now + milliseconds(30));
}

TEST(TimerTest, RunsWhatIsLeftWhenItEnds) {
  int runs = 0;
  auto timer = std::make_unique<Timer>();
  ASSERT_TRUE(timer->At(BootClock::now() + std::chrono::hours(1), [&] { ++runs; }));
  ASSERT_TRUE(timer->At(BootClock::now() + std::chrono::hours(2), [&] { ++runs; }));
  timer.reset();
  EXPECT_EQ(runs, 2);
}

TEST(TimerTest, WhatRunsMayAddMore) {
  Timer timer;
  std::promise<void> second;
  ASSERT_TRUE(timer.At(BootClock::now(), [&] {
    ASSERT_TRUE(timer.At(BootClock::now(), [&] { second.set_value(); }));
  }));
  EXPECT_EQ(second.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
}

}  // namespace
}  // namespace monopod
