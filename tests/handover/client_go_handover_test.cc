// monopod and electors of client-go take turns on one Lease, a thousand times, while at random the
// electors are paused and monopod is cut off from the server.
//
// What must hold: no two holders of monopod are ever at work together, and tokens only rise. The
// work of an elector may overlap with monopod's, since nothing stops it; each overlap has one of
// the reasons that client-go's rules give for it, and no other.
#include <gtest/gtest.h>

#include <memory>

#include "tests/handover/monopod_candidate.h"
#include "tests/handover/pausing_elector.h"

namespace monopod::handover {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kHandOvers = 1000;

// Why the work of an elector overlapped with monopod's.
struct Overlaps {
  int paused = 0;     // it was paused, and did not know that its lease was over
  int releasing = 0;  // it works until its release has returned
  int blanked = 0;    // an elector released on a stale view, and blanked monopod's hold
  int unexplained = 0;
};

class Scene {
 public:
  // `pauses`: how often an elector is paused, at each of its steps.
  Scene(std::uint64_t seed, double pauses) : world_(seed) {
    // One clock runs fast, one slow, as far apart as is allowed.
    for (const std::int64_t error : {4900, -4900}) {
      const bool fast = error > 0;
      candidates_.push_back(std::make_unique<MonopodCandidate>(
          world_, MonopodCandidate::Options{.name = fast ? "monopod-fast" : "monopod-slow",
                                            .clock_error = error,
                                            .lost_replies = 0.02,
                                            .outages = 0.01,
                                            .most_rest = seconds(20)}));
    }
    for (const std::string name : {"elector-0", "elector-1"}) {
      electors_.push_back(std::make_unique<PausingElector>(
          world_,
          PausingElector::Options{.name = name, .pauses = pauses, .most_rest = seconds(60)}));
    }
  }

  void Run() {
    const TrueTime end = TrueTime(hours(100));
    while (world_.HandOvers() < kHandOvers && world_.events().Step(end)) {
    }
  }

  int HandOvers() const { return world_.HandOvers(); }

  // Pairs of monopod's that were at work together.
  int MonopodOverlaps() const {
    int count = 0;
    const Work* last = nullptr;
    for (const Work& work : world_.works()) {
      if (work.kind != Kind::kMonopod) continue;
      if (last != nullptr && last->when.Overlaps(work.when)) ++count;
      if (last == nullptr || last->when.end < work.when.end) last = &work;
    }
    return count;
  }

  // In the order in which work began, over all candidates.
  bool TokensRise() const {
    std::map<std::string, std::size_t> next;
    Token last = 0;
    for (const Work& work : world_.works()) {
      if (work.kind != Kind::kMonopod) continue;
      const auto& candidate = candidates_[work.who == "monopod-fast" ? 0 : 1];
      const Token token = candidate->tokens().at(next[work.who]++);
      if (token <= last) return false;
      last = token;
    }
    return true;
  }

  Overlaps Explain() const {
    Overlaps overlaps;
    for (const Work& elector : world_.works()) {
      if (elector.kind != Kind::kClientGo) continue;
      for (const Work& monopod : world_.works()) {
        if (monopod.kind != Kind::kMonopod || !monopod.when.Overlaps(elector.when)) continue;
        ++ReasonOf(overlaps, elector, monopod);
      }
    }
    return overlaps;
  }

 private:
  static bool Any(const std::vector<Interval>& intervals, const Interval& within) {
    return std::ranges::any_of(intervals,
                               [&](const Interval& one) { return one.Overlaps(within); });
  }

  int& ReasonOf(Overlaps& overlaps, const Work& elector, const Work& monopod) const {
    const auto& one = *electors_[elector.who == "elector-0" ? 0 : 1];
    const Interval both{.begin = std::max(elector.when.begin, monopod.when.begin),
                        .end = std::min(elector.when.end, monopod.when.end)};
    const auto blanked = [&](TrueTime time) {
      return monopod.when.begin <= time && time <= both.begin;
    };
    if (std::ranges::any_of(world_.blanked(), blanked)) return overlaps.blanked;
    // Also while it waited for the answer by which it leads.
    const Interval known{.begin = elector.when.begin - milliseconds(1), .end = both.end};
    if (Any(one.pauses(), known)) return overlaps.paused;
    if (Any(one.releases(), both)) return overlaps.releasing;
    ADD_FAILURE() << elector.who << " and " << monopod.who << " at "
                  << std::chrono::floor<milliseconds>(both.begin.time_since_epoch()).count()
                  << " ms";
    return overlaps.unexplained;
  }

  LeaseWorld world_;
  std::vector<std::unique_ptr<MonopodCandidate>> candidates_;
  std::vector<std::unique_ptr<PausingElector>> electors_;
};

class ClientGoHandOverTest : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(ClientGoHandOverTest, AThousandTimesNoTwoMonopodsWorkTogetherAndTokensRise) {
  Scene scene(GetParam(), 0.02);
  scene.Run();
  EXPECT_GE(scene.HandOvers(), kHandOvers);
  EXPECT_EQ(scene.MonopodOverlaps(), 0);
  EXPECT_TRUE(scene.TokensRise());
  const Overlaps overlaps = scene.Explain();
  EXPECT_EQ(overlaps.unexplained, 0);
  RecordProperty("overlaps_paused", overlaps.paused);
  RecordProperty("overlaps_releasing", overlaps.releasing);
  RecordProperty("overlaps_blanked", overlaps.blanked);
  // If there were none, the pauses would not test anything.
  EXPECT_GT(overlaps.paused + overlaps.blanked, 0);
  std::cout << scene.HandOvers()
            << " hand-overs; overlaps with an elector's own work: " << overlaps.paused
            << " of one that was paused, " << overlaps.releasing
            << " of one that works until its release returns, " << overlaps.blanked
            << " after a release on a stale view blanked monopod's hold\n";
}

TEST(ClientGoHandOverControlTest, ElectorsThatAreNotPausedOverlapWithNobody) {
  Scene scene(1, 0);
  scene.Run();
  EXPECT_GE(scene.HandOvers(), kHandOvers);
  EXPECT_EQ(scene.MonopodOverlaps(), 0);
  EXPECT_TRUE(scene.TokensRise());
  const Overlaps overlaps = scene.Explain();
  EXPECT_EQ(overlaps.paused + overlaps.releasing + overlaps.blanked + overlaps.unexplained, 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ClientGoHandOverTest, ::testing::Values(1, 2, 3));

}  // namespace
}  // namespace monopod::handover
