#include "src/election/announcement.h"

#include <gtest/gtest.h>

namespace monopod::election {
namespace {

LockStatus Held(const std::string& purpose, SlotState state = SlotState::kHeld) {
  return {.name = "web.preferred",
          .slot = {{.state = state, .holder = {.name = "web-0", .purpose = purpose}, .token = 7}}};
}

TEST(AnnouncementTest, WhatIsAnnouncedIsFound) {
  const auto found = FindAnnouncement(Held(AnnouncementPurpose(42)));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->priority, 42);
  EXPECT_EQ(found->hold.token, 7U);
}

TEST(AnnouncementTest, ItIsFoundWhateverTheStoredTimesSay) {
  EXPECT_TRUE(FindAnnouncement(Held(AnnouncementPurpose(1), SlotState::kExpired)));
}

TEST(AnnouncementTest, AStrangersHoldIsNone) {
  EXPECT_FALSE(FindAnnouncement(Held("")));
  EXPECT_FALSE(FindAnnouncement(Held("nightly report")));
  EXPECT_FALSE(FindAnnouncement(Held("candidate with priority ")));
  EXPECT_FALSE(FindAnnouncement(Held("candidate with priority 7, and more")));
  EXPECT_FALSE(FindAnnouncement(Held("candidate with priority -1")));
  EXPECT_FALSE(FindAnnouncement(Held("candidate with priority 99999999999999")));
  LockStatus foreign = Held(AnnouncementPurpose(1));
  foreign.slot[0].foreign = true;
  EXPECT_FALSE(FindAnnouncement(foreign));
  LockStatus detached = Held(AnnouncementPurpose(1));
  detached.slot[0].kind = HoldKind::kDetached;
  EXPECT_FALSE(FindAnnouncement(detached));
  EXPECT_FALSE(FindAnnouncement(Held(AnnouncementPurpose(1), SlotState::kFree)));
}

TEST(AnnouncementTest, AnElectionIsNotCalledLikeAnAnnouncement) {
  EXPECT_TRUE(CheckElectionName("web", true));
  EXPECT_EQ(CheckElectionName("web.preferred", false).error().code, ErrorCode::kInvalidArgument);
  const std::string label(63, 'a');
  const std::string name = label + "." + label + "." + label + ".abcde";  // of 197 characters
  EXPECT_TRUE(CheckElectionName(name, false));
  EXPECT_EQ(CheckElectionName(name, true).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace monopod::election
