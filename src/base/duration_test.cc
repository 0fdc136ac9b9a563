#include "src/base/duration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace monopod {
namespace {

using namespace std::chrono_literals;

TEST(DurationTest, ParsesWhatGoParses) {
  EXPECT_EQ(*ParseDuration("0"), 0s);
  EXPECT_EQ(*ParseDuration("15s"), 15s);
  EXPECT_EQ(*ParseDuration("1h30m"), 90min);
  EXPECT_EQ(*ParseDuration("500ms"), 500ms);
  EXPECT_EQ(*ParseDuration("1.5s"), 1500ms);
  EXPECT_EQ(*ParseDuration(".5m"), 30s);
  EXPECT_EQ(*ParseDuration("7us3ns"), 7us + 3ns);
}

TEST(DurationTest, RefusesEverythingElseAndQuotesIt) {
  for (const char* text : {"", "abc", "15", "-1s", "1 s", "s", ".", "1.", "1x", "1S", "1e3s",
                           "99999999999999999999s", "9999999h9999999h", "1s ", "+1s"}) {
    const auto parsed = ParseDuration(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(parsed.error().message, testing::HasSubstr("\"" + std::string(text) + "\""));
  }
}

TEST(DurationTest, FormatsShortAndParsesBack) {
  EXPECT_EQ(FormatDuration(0s), "0s");
  EXPECT_EQ(FormatDuration(15s), "15s");
  EXPECT_EQ(FormatDuration(90min), "1h30m");
  EXPECT_EQ(FormatDuration(2250ms), "2.25s");
  EXPECT_EQ(FormatDuration(350ms), "350ms");
  EXPECT_EQ(FormatDuration(-3s), "-3s");
  for (auto duration : {1ms, 59999ms, 60000ms, 3600001ms, 86400000ms}) {
    EXPECT_EQ(*ParseDuration(FormatDuration(duration)), duration);
  }
}

}  // namespace
}  // namespace monopod
