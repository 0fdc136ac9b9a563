#include "src/etcd/lock_changes.h"

#include <gtest/gtest.h>

#include "src/protocol/times.h"

namespace monopod::etcd {
namespace {

using std::chrono::milliseconds;
using Kind = Resizing::Step::Kind;

constexpr BootTime kNow{std::chrono::hours(1)};
constexpr milliseconds kKill(2000);

const LockKeys& Keys() {
  static const LockKeys kKeys("monopod/", "x");
  return kKeys;
}

// A lock's keys, put together by hand.
class Contents {
 public:
  Contents& Says(const SlotsValue& slots) {
    contents_.slots = {.key = Keys().Slots(), .value = Encode(slots), .mod_revision = 90};
    return *this;
  }
  Contents& HasMarker(Revision created) {
    const MarkerValue value{.slots = 3, .kill = kKill};
    contents_.markers.push_back({.key = Keys().Marker(IdOf(created)),
                                 .value = Encode(value),
                                 .create_revision = created,
                                 .mod_revision = created});
    return *this;
  }
  Contents& HasClaim(Revision created, MemberPhase phase) {
    HasMarker(created);
    contents_.members.push_back({.key = Keys().Member(IdOf(created)),
                                 .value = Encode(MemberValue{.phase = phase}),
                                 .create_revision = created,
                                 .mod_revision = created});
    return *this;
  }
  static std::string IdOf(Revision created) { return MakeId(created, "ab"); }
  const LockContents& get() const { return contents_; }

 private:
  LockContents contents_;
};

Resizing::Step Next(Resizing& resizing, const Contents& contents, BootTime now = kNow) {
  auto step = resizing.Next(contents.get(), now);
  EXPECT_TRUE(step.has_value()) << step.error().message;
  return step.value_or(Resizing::Step{});
}

SlotsValue Written(const Resizing::Step& step) {
  const auto* put = std::get_if<Put>(&step.write.then.front());
  return put == nullptr
             ? SlotsValue{}
             : DecodeSlots({.key = put->key, .value = put->value}).value_or(SlotsValue{});
}

TEST(ResizingTest, ASmallerNumberIsSaidBeforeItIsInForce) {
  Resizing resizing(Keys(), 2);
  const auto said = Next(resizing, Contents().Says({.slots = 3}));
  ASSERT_EQ(said.kind, Kind::kWrite);
  EXPECT_EQ(Written(said), (SlotsValue{.slots = 2, .before = 3}));
  const auto in_force = Next(resizing, Contents().Says({.slots = 2, .before = 3}));
  ASSERT_EQ(in_force.kind, Kind::kWrite);
  EXPECT_EQ(Written(in_force), SlotsValue{.slots = 2});
  EXPECT_EQ(Next(resizing, Contents().Says({.slots = 2})).kind, Kind::kDone);
}

// The middle one has not said that it holds, and may begin by the number that it read.
TEST(ResizingTest, ASmallerNumberWaitsForWhoeverIsOlderThanAHolder) {
  Resizing resizing(Keys(), 2);
  const SlotsValue said{.slots = 2, .before = 3};
  EXPECT_EQ(Next(resizing, Contents()
                               .Says(said)
                               .HasClaim(3, MemberPhase::kHeld)
                               .HasClaim(7, MemberPhase::kQueued)
                               .HasClaim(8, MemberPhase::kHeld))
                .kind,
            Kind::kAwait);
  EXPECT_EQ(
      Next(resizing,
           Contents().Says(said).HasClaim(7, MemberPhase::kQueued).HasClaim(8, MemberPhase::kHeld))
          .kind,
      Kind::kWrite);
}

TEST(ResizingTest, AnotherNumberThatCameLaterStands) {
  Resizing resizing(Keys(), 2);
  (void)Next(resizing, Contents().Says({.slots = 3}));
  resizing.OnWritten(true);
  EXPECT_EQ(Next(resizing, Contents().Says({.slots = 5})).kind, Kind::kOvertaken);
}

TEST(ResizingTest, ALockThatLeftNothingIsNone) {
  Resizing resizing(Keys(), 2);
  EXPECT_EQ(Next(resizing, Contents()).kind, Kind::kNoLock);
}

TEST(ResizingTest, WhoVanishedIsTidiedAwayWhenItsWorkIsOver) {
  Resizing resizing(Keys(), 2);
  const Contents contents = Contents().Says({.slots = 2}).HasMarker(3);
  EXPECT_TRUE(Next(resizing, contents).tidy.empty());
  const auto over = kNow + protocol::RecoveryTime(kKill);
  EXPECT_TRUE(Next(resizing, contents, over - milliseconds(1)).tidy.empty());
  EXPECT_EQ(Next(resizing, contents, over).tidy.size(), 1U);
}

TEST(BreakTransactionTest, TheMarkerStaysAndSaysWhy) {
  const auto picture = DrawLock("x", Keys(), Contents().HasClaim(3, MemberPhase::kHeld).get())
                           .value_or(LockPicture{});
  ASSERT_EQ(picture.claims.size(), 1U);
  const Transaction end = BreakTransaction(Keys(), picture.claims.front(), "stuck");
  EXPECT_EQ(end.compares.size(), 2U);
  ASSERT_EQ(end.then.size(), 2U);
  EXPECT_EQ(std::get<Delete>(end.then[0]).key, Keys().Member(Contents::IdOf(3)));
  const auto& put = std::get<Put>(end.then[1]);
  const auto marker = DecodeMarker({.key = put.key, .value = put.value}).value_or(MarkerValue{});
  EXPECT_EQ(marker.state, MarkerState::kLive);
  EXPECT_EQ(marker.note, "stuck");
}

TEST(BreakTransactionTest, AKeyOfSomebodyElseIsDeletedAlone) {
  const Claimed foreign{.key = "monopod/locks/x/12ab", .created = 4, .foreign = true};
  const Transaction end = BreakTransaction(Keys(), foreign, "stuck");
  EXPECT_EQ(end.compares.size(), 1U);
  EXPECT_EQ(end.then.size(), 1U);
}

}  // namespace
}  // namespace monopod::etcd
