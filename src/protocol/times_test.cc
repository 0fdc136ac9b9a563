#include "src/protocol/times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace monopod::protocol {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::string Refusal(const TimesRequest& request) {
  const auto times = MakeTimes(request);
  EXPECT_FALSE(times.has_value());
  if (times) return {};
  EXPECT_EQ(times.error().code, ErrorCode::kInvalidArgument);
  return times.error().message;
}

TEST(TimesTest, TheDefaultsFollowFromTheTtl) {
  const Times times = *MakeTimes({});
  EXPECT_EQ(times.ttl, 15s);
  EXPECT_EQ(times.renew, 3750ms);
  EXPECT_EQ(times.attempt, 2500ms);
  EXPECT_EQ(times.term, 9s);
  EXPECT_EQ(times.kill, 12s);
}

TEST(TimesTest, EveryTtlInRangeHasConsistentDefaults) {
  for (std::chrono::seconds ttl = kMinTtl; ttl <= kMaxTtl; ttl += 1s) {
    ASSERT_TRUE(MakeTimes({.ttl = ttl}).has_value()) << ttl.count();
  }
}

TEST(TimesTest, RefusesTtlsOutsideTheRange) {
  for (std::chrono::nanoseconds ttl :
       {0ns, 1ns, std::chrono::nanoseconds(1s), std::chrono::nanoseconds(1500ms),
        std::chrono::nanoseconds(2500ms), std::chrono::nanoseconds(25h)}) {
    EXPECT_THAT(Refusal({.ttl = ttl}), HasSubstr("whole seconds from 2s to 24h"));
  }
}

TEST(TimesTest, RefusesInconsistentTimesAndNamesTheInequality) {
  EXPECT_THAT(Refusal({.renew = 8s}), HasSubstr("renew + 2 attempt <= term"));
  EXPECT_THAT(Refusal({.attempt = 3s}), HasSubstr("3.75s + 2 x 3s > 9s"));
  EXPECT_THAT(Refusal({.renew = 1s, .attempt = 4s}), HasSubstr("attempt <= 0.2 TTL"));
  EXPECT_THAT(Refusal({.term = 12s}), HasSubstr("term < kill"));
  EXPECT_THAT(Refusal({.kill = 14100ms}), HasSubstr("kill <= 0.95 TTL - 0.25s"));
  EXPECT_THAT(Refusal({.kill = std::chrono::nanoseconds::max()}), HasSubstr("kill <= 0.95 TTL"));
  EXPECT_THAT(Refusal({.renew = 0s}), HasSubstr("at least 1ms"));
  EXPECT_TRUE(MakeTimes({.kill = 14s}).has_value());
}

TEST(TimesTest, AStoreCanBeStricter) {
  EXPECT_TRUE(MakeTimes({.ttl = 7s}, kLeaseLimits).has_value());
  EXPECT_TRUE(MakeTimes({.ttl = 24h}, kLeaseLimits).has_value());
  const auto short_ttl = MakeTimes({.ttl = 6s}, kLeaseLimits);
  ASSERT_FALSE(short_ttl.has_value());
  EXPECT_THAT(short_ttl.error().message, HasSubstr("whole seconds from 7s to 24h"));
  const auto late_kill = MakeTimes({.ttl = 15s, .kill = 13300ms}, kLeaseLimits);
  ASSERT_FALSE(late_kill.has_value());
  EXPECT_THAT(late_kill.error().message, HasSubstr("kill <= 0.95 TTL - 1s is needed"));
}

TEST(TimesTest, ATakeoverBySilenceOutlastsTheWork) {
  for (std::chrono::seconds ttl : {2s, 15s, 3600s, 86400s}) {
    const Times times = *MakeTimes({.ttl = ttl});
    EXPECT_GE(SilenceToTakeOver(times.ttl), RecoveryTime(times.kill));
  }
}

}  // namespace
}  // namespace monopod::protocol
