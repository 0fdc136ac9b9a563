#include "src/election/hold_sight.h"

#include <gtest/gtest.h>

namespace monopod::election {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

BootTime At(milliseconds since) { return BootTime(seconds(1000) + since); }
HoldMark Mark(Token token, int renewal) {
  return {.token = token, .renewed = WallTime(seconds(renewal)), .ttl = seconds(10)};
}

TEST(HoldSightTest, AHoldGoesOnUntilItHasBeenSilentForItsTtlAndALittle) {
  HoldSight sight;
  EXPECT_TRUE(sight.GoesOn(Mark(7, 1), At(seconds(0))));
  EXPECT_TRUE(sight.GoesOn(Mark(7, 1), At(milliseconds(10'099))));
  EXPECT_FALSE(sight.GoesOn(Mark(7, 1), At(milliseconds(10'100))));
}

TEST(HoldSightTest, ARenewalOrANewHoldBeginsTheSilenceAnew) {
  HoldSight sight;
  EXPECT_TRUE(sight.GoesOn(Mark(7, 2), At(seconds(0))));
  EXPECT_TRUE(sight.GoesOn(Mark(7, 1), At(seconds(9)))) << "a clock that was set back";
  EXPECT_TRUE(sight.GoesOn(Mark(7, 1), At(seconds(18))));
  EXPECT_TRUE(sight.GoesOn(Mark(8, 1), At(seconds(19))));
  EXPECT_TRUE(sight.GoesOn(Mark(8, 1), At(seconds(29))));
  EXPECT_FALSE(sight.GoesOn(Mark(8, 1), At(seconds(30))));
  EXPECT_TRUE(sight.GoesOn(Mark(8, 3), At(seconds(31)))) << "it was only slow";
}

TEST(HoldSightTest, AStickyHoldNeedsNoRenewal) {
  HoldSight sight;
  HoldMark sticky = Mark(7, 1);
  sticky.is_sticky = true;
  EXPECT_TRUE(sight.GoesOn(sticky, At(seconds(0))));
  EXPECT_TRUE(sight.GoesOn(sticky, At(seconds(1000))));
}

TEST(HoldSightTest, WhoHoldsIsFoundWhateverTheStoredTimesSay) {
  const auto status = [](SlotState state) {
    return LockStatus{.name = "web", .slot = {{.state = state, .token = 7, .ttl = seconds(15)}}};
  };
  for (const SlotState state : {SlotState::kHeld, SlotState::kRecovering, SlotState::kExpired}) {
    const auto hold = FindHold(status(state));
    ASSERT_TRUE(hold.has_value());
    EXPECT_EQ(hold->token, 7U);
    EXPECT_EQ(hold->ttl, seconds(15));
  }
  EXPECT_FALSE(FindHold(status(SlotState::kFree)));
  EXPECT_FALSE(FindHold(status(SlotState::kRetired)));
}

}  // namespace
}  // namespace monopod::election
