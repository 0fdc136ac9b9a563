#include "src/doctor/claim_ends.h"

#include <gtest/gtest.h>

#include "src/etcd/lock_values.h"

namespace monopod::doctor {
namespace {

using etcd::WatchEvent;
using etcd::WatchReport;

WatchEvent Deleted(std::string key, etcd::Revision at) {
  return {.deleted = true, .now = {.key = std::move(key), .mod_revision = at}, .previous = {}};
}

WatchEvent MarkerPut(std::string key, etcd::MarkerState state, etcd::Revision at) {
  return {.deleted = false,
          .now = {.key = std::move(key),
                  .value = etcd::Encode(etcd::MarkerValue{.state = state}),
                  .mod_revision = at},
          .previous = {}};
}

ClaimEnds::Count After(std::vector<WatchEvent> events) {
  ClaimEnds ends("p/");
  ends.Take({.kind = WatchReport::Kind::kStarted});
  ends.Take({.kind = WatchReport::Kind::kEvents, .events = std::move(events)});
  const auto counts = ends.counts();
  return counts.contains("x") ? counts.at("x") : ClaimEnds::Count{};
}

TEST(ClaimEndsTest, AReleaseIsClean) {
  const auto count = After({Deleted("p/locks/x/~1-a", 7), Deleted("p/marks/x/1-a", 7)});
  EXPECT_EQ(count.ended, 1);
  EXPECT_EQ(count.unclean, 0);
}

TEST(ClaimEndsTest, AClaimThatSaysThatItGaveUpIsClean) {
  const auto count = After(
      {MarkerPut("p/marks/x/1-a", etcd::MarkerState::kLeft, 7), Deleted("p/locks/x/~1-a", 7)});
  EXPECT_EQ(count.ended, 1);
  EXPECT_EQ(count.unclean, 0);
}

TEST(ClaimEndsTest, AnExpiredLeaseAndABreakAreUnclean) {
  EXPECT_EQ(After({Deleted("p/locks/x/~1-a", 7)}).unclean, 1);
  EXPECT_EQ(
      After({MarkerPut("p/marks/x/1-a", etcd::MarkerState::kLive, 7), Deleted("p/locks/x/~1-a", 7)})
          .unclean,
      1);
}

TEST(ClaimEndsTest, AMarkerThatIsTidiedAwayLaterDoesNotMakeItClean) {
  const auto count = After({Deleted("p/locks/x/~1-a", 7), Deleted("p/marks/x/1-a", 9)});
  EXPECT_EQ(count.unclean, 1);
}

TEST(ClaimEndsTest, ForeignKeysCountAndOtherKeysDoNot) {
  const auto count = After({Deleted("p/locks/x/694d", 7), Deleted("p/tails/x", 7),
                            Deleted("p/other", 8), Deleted("p/locks/y/~1-a", 8)});
  EXPECT_EQ(count.ended, 1);
  EXPECT_EQ(count.unclean, 0);
}

}  // namespace
}  // namespace monopod::doctor
