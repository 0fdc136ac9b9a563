#include "src/etcd/lock_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/protocol/times.h"

namespace monopod::etcd {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

KeyValue At(std::string value) {
  return {.key = "monopod/marks/x/1-ab", .value = std::move(value)};
}

TEST(LockValuesTest, AMemberIsReadAsItWasWritten) {
  const MemberValue written{.holder = {.name = "pod-1",
                                       .namespace_ = "apps",
                                       .node = "node-7",
                                       .instance = {},
                                       .purpose = "rules"},
                            .kind = HoldKind::kSticky,
                            .phase = MemberPhase::kWaiting,
                            .ttl = milliseconds(15000),
                            .kill = milliseconds(12000),
                            .stamp = "ab",
                            .acquired = WallTime(std::chrono::seconds(1)),
                            .renewed = WallTime(std::chrono::seconds(2))};
  EXPECT_EQ(DecodeMember(At(Encode(written))), written);
}

TEST(LockValuesTest, AMarkerIsReadAsItWasWritten) {
  for (const auto state : {MarkerState::kLive, MarkerState::kLeft, MarkerState::kOver}) {
    const MarkerValue written{.state = state,
                              .slots = 3,
                              .kind = HoldKind::kDetached,
                              .ttl = milliseconds(2000),
                              .kill = milliseconds(1600),
                              .owed = milliseconds(700),
                              .credit = milliseconds(300),
                              .holder = {.name = "pod-1"},
                              .note = "broken by admin"};
    EXPECT_EQ(DecodeMarker(At(Encode(written))), written);
  }
}

TEST(LockValuesTest, ANumberOfSlotsIsReadAsItWasWritten) {
  const SlotsValue written{.slots = 2, .before = 5};
  EXPECT_EQ(DecodeSlots(At(Encode(written))), written);
}

TEST(LockValuesTest, PeopleReadTheFieldsInAlphabeticalOrder) {
  EXPECT_EQ(Encode(SlotsValue{.slots = 2, .before = 5}), R"({"before":5,"format":1,"slots":2})");
  EXPECT_EQ(Encode(MarkerValue{.holder = {.name = "pod-1", .node = "node-7"}}),
            R"({"format":1,"holder":{"name":"pod-1","node":"node-7"},"kill_ms":0,)"
            R"("kind":"process","slots":1,"state":"live","ttl_ms":0})");
}

TEST(LockValuesTest, AnyTextIsReadAsItWasWritten) {
  const std::string text = "\"quoted\", C:\\, two\nlines,\ttab, \x01, \x7f, Grüße";
  const MarkerValue written{.holder = {.name = text}, .note = text};
  EXPECT_EQ(DecodeMarker(At(Encode(written))), written);
}

// A newer monopod may say more, with the same words deeper down.
TEST(LockValuesTest, FieldsThatAreNotKnownAreIgnoredWithAllThatIsInThem) {
  const auto marker = DecodeMarker(
      At(R"({"format":1,"new":{"kill_ms":5,"holder":{"name":"no"},"slots":7},"slots":2,)"
         R"("holder":{"more":{"name":"no"},"name":"pod","all":["name"],"slots":7},)"
         R"("all":[{"note":"no"},["x"],1.5,true,null],"ttl_ms":8})"));
  ASSERT_TRUE(marker.has_value());
  EXPECT_EQ(*marker, (MarkerValue{.slots = 2, .ttl = milliseconds(8), .holder = {.name = "pod"}}));
}

TEST(LockValuesTest, ANewerFormatAndForeignTextAreRefusedByKey) {
  for (const char* text : {R"({"format":2,"slots":1})", R"({"format":0})", "", "x", "[1]", "{}",
                           R"([{"format":1}])", R"({"format":1)", R"({"format":1} x)"}) {
    const auto marker = DecodeMarker(At(text));
    ASSERT_FALSE(marker.has_value()) << text;
    EXPECT_EQ(marker.error().code, ErrorCode::kUnsupported);
    EXPECT_THAT(marker.error().message, HasSubstr("monopod/marks/x/1-ab"));
  }
}

TEST(LockValuesTest, WhatCannotBeReadIsTakenForTheMoreCarefulCase) {
  const auto marker =
      DecodeMarker(At(R"({"format":1,"state":"gone","kill_ms":"x","ttl_ms":-5,"owed_ms":1e99})"));
  ASSERT_TRUE(marker.has_value());
  EXPECT_EQ(marker->state, MarkerState::kLive);
  EXPECT_EQ(marker->ttl, milliseconds(0));
  const auto long_kill = DecodeMarker(At(R"({"format":1,"kill_ms":9223372036854775807})"));
  EXPECT_EQ(long_kill->kill, milliseconds(protocol::kMaxTtl)) << "sums must not overflow";
  EXPECT_EQ(DecodeMember(At(R"({"format":1,"phase":"?"})"))->phase, MemberPhase::kQueued);
}

TEST(LockValuesTest, TextThatIsNoUtf8IsWrittenAllTheSame) {
  MarkerValue marker;
  marker.note = "\xff";
  EXPECT_TRUE(DecodeMarker(At(Encode(marker))).has_value());
}

}  // namespace
}  // namespace monopod::etcd
