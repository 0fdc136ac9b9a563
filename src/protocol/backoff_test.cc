#include "src/protocol/backoff.h"

#include <gtest/gtest.h>

namespace monopod::protocol {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

TEST(BackoffTest, DoublesUpToHalfOfAnAttempt) {
  nanoseconds backoff{0};
  for (const int expected : {20, 40, 80, 160, 250, 250}) {
    backoff = NextBackoff(backoff, milliseconds(500));
    EXPECT_EQ(backoff, milliseconds(expected));
  }
}

TEST(BackoffTest, IsNeverShorterThanTheFirst) {
  EXPECT_EQ(NextBackoff(nanoseconds(0), milliseconds(10)), kFirstBackoff);
}

TEST(RenewJitterTest, IsUpToATenthByTheLastDigit) {
  EXPECT_EQ(RenewJitter("", milliseconds(1500)), milliseconds(0));
  EXPECT_EQ(RenewJitter("ab0", milliseconds(1500)), milliseconds(0));
  EXPECT_EQ(RenewJitter("ab7", milliseconds(1500)), milliseconds(70));
  EXPECT_EQ(RenewJitter("abf", milliseconds(1500)), milliseconds(150));
  EXPECT_EQ(RenewJitter("stamp z", milliseconds(1500)), milliseconds(150));
}

}  // namespace
}  // namespace monopod::protocol
