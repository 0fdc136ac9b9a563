#include "src/base/wait.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

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

TEST(WaitTest, OutOfDescriptorsItStillKeepsTheDeadlineAndHearsTheStop) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const BootTime deadline = BootClock::now() + 20ms;
  WaitUntil(deadline, {});
  EXPECT_GE(BootClock::now(), deadline);
  std::jthread waiter([](const std::stop_token& stop) { WaitUntil(BootTime::max(), stop); });
  waiter.request_stop();
  waiter.join();
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace monopod
