#include "src/base/lock_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace monopod {
namespace {

using testing::HasSubstr;

TEST(LockNameTest, AcceptsSubdomains) {
  for (const char* name : {"a", "hello", "node-reboot", "team.fw-rules", "0", "x.slot", "x.slot-01",
                           "slot-1", "x.slot-1.y"}) {
    EXPECT_TRUE(CheckLockName(name).has_value()) << name;
  }
  const std::string longest = std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                              std::string(63, 'c') + "." + std::string(8, 'd');
  ASSERT_EQ(longest.size(), 200U);
  EXPECT_TRUE(CheckLockName(longest).has_value());
}

TEST(LockNameTest, RefusesTheRestAndSaysWhat) {
  const auto message = [](std::string_view name) {
    const auto checked = CheckLockName(name);
    EXPECT_FALSE(checked.has_value()) << name;
    return checked ? std::string() : checked.error().message;
  };
  EXPECT_THAT(message(""), HasSubstr("empty"));
  EXPECT_THAT(message("Hello"), HasSubstr("\"Hello\""));
  EXPECT_THAT(message("a/b"), HasSubstr("\"a/b\""));
  EXPECT_THAT(message(".."), HasSubstr("RFC 1123"));
  EXPECT_THAT(message("-a"), HasSubstr("RFC 1123"));
  EXPECT_THAT(message("a-"), HasSubstr("RFC 1123"));
  EXPECT_THAT(message("a..b"), HasSubstr("RFC 1123"));
  EXPECT_THAT(message("a b"), HasSubstr("RFC 1123"));
  EXPECT_THAT(message("\xc3\xa4"), HasSubstr("RFC 1123"));
  EXPECT_THAT(message(std::string_view("a\0b", 3)), HasSubstr("\"a\\x00b\""));
  EXPECT_THAT(message(std::string(201, 'a')), HasSubstr("201 characters"));
  EXPECT_THAT(message(std::string(64, 'a')), HasSubstr("63"));
  EXPECT_THAT(message("x.slot-1"), HasSubstr("reserved for a slot of the lock \"x\""));
  EXPECT_THAT(message("x.slot-4711"), HasSubstr("reserved"));
}

TEST(LockNameTest, SlotRecordNamesRoundTrip) {
  EXPECT_EQ(SlotRecordName("x", 0), "x");
  EXPECT_EQ(SlotRecordName("x", 12), "x.slot-12");
  EXPECT_EQ(ParseSlotRecordName("x.slot-12").lock, "x");
  EXPECT_EQ(ParseSlotRecordName("x.slot-12").slot, 12);
  EXPECT_EQ(ParseSlotRecordName("x").slot, 0);
}

}  // namespace
}  // namespace monopod
