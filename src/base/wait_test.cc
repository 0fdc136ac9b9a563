#include "src/base/wait.h"

#include <gtest/gtest.h>

#include <thread>

namespace monopod {
namespace {

using namespace std::chrono_literals;

TEST(WaitTest, ReturnsAtTheDeadlineAndNotBefore) {
  const BootTime deadline = BootClock::now() + 20ms;
  WaitUntil(deadline, {});
  EXPECT_GE(BootClock::now(), deadline);
}

TEST(WaitTest, APastDeadlineDoesNotBlock) { WaitUntil(BootTime{}, {}); }

TEST(WaitTest, AStopRequestEndsAnEndlessWait) {
  std::jthread waiter([](const std::stop_token& stop) { WaitUntil(BootTime::max(), stop); });
  waiter.request_stop();
  waiter.join();
  EXPECT_FALSE(waiter.joinable());
}

}  // namespace
}  // namespace monopod
