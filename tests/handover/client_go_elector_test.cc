#include "tests/support/client_go_elector.h"

#include <gtest/gtest.h>

namespace monopod::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Call = ClientGoElector::Call;

class ClientGoElectorTest : public ::testing::Test {
 protected:
  static WallTime At(milliseconds time) { return WallTime(seconds(1'800'000'000) + time); }
  static LeaseFields HeldBy(const std::string& holder, milliseconds renewed) {
    return {.holder = holder, .duration_seconds = 15, .renewed = At(renewed), .transitions = 3};
  }
  // A whole attempt that meets `lease`, all at one time.
  Call Meet(const LeaseFields& lease, milliseconds time) {
    EXPECT_EQ(elector_.Try(At(time)).kind, Call::Kind::kGet);
    return elector_.OnGot(lease, At(time));
  }
  void Lead(milliseconds time) {
    EXPECT_EQ(Meet({}, time).kind, Call::Kind::kUpdate);
    EXPECT_TRUE(elector_.OnUpdated(At(time)).succeeded);
    EXPECT_TRUE(elector_.IsLeader());
  }

  ClientGoElector elector_{{.identity = "me"}};
};

TEST_F(ClientGoElectorTest, TakesALeaseThatNobodyHolds) {
  const Call call = Meet({.transitions = 3}, milliseconds(0));
  ASSERT_EQ(call.kind, Call::Kind::kUpdate);
  EXPECT_EQ(call.lease.holder, "me");
  EXPECT_EQ(call.lease.duration_seconds, 15);
  EXPECT_EQ(call.lease.transitions, 4);
}

TEST_F(ClientGoElectorTest, JudgesByHowLongItSawTheRecordUnchanged) {
  // Its stored time is long past, which counts for nothing.
  const LeaseFields other = HeldBy("other", -seconds(1000));
  EXPECT_EQ(Meet(other, seconds(0)).kind, Call::Kind::kNone);
  EXPECT_EQ(Meet(other, milliseconds(14'999)).kind, Call::Kind::kNone);
  EXPECT_EQ(Meet(other, seconds(15)).kind, Call::Kind::kUpdate);
}

TEST_F(ClientGoElectorTest, LooksAtWholeSecondsOnly) {
  EXPECT_EQ(Meet(HeldBy("other", milliseconds(100)), seconds(0)).kind, Call::Kind::kNone);
  EXPECT_EQ(Meet(HeldBy("other", milliseconds(900)), seconds(10)).kind, Call::Kind::kNone);
  EXPECT_EQ(Meet(HeldBy("other", milliseconds(999)), seconds(15)).kind, Call::Kind::kUpdate)
      << "renewed twice within a second: not seen";
}

TEST_F(ClientGoElectorTest, ALeaderUpdatesWithoutReading) {
  Lead(seconds(0));
  const Call call = elector_.Try(At(seconds(2)));
  ASSERT_EQ(call.kind, Call::Kind::kUpdate);
  EXPECT_EQ(call.lease.acquired, At(seconds(0)));
  EXPECT_EQ(call.lease.renewed, At(seconds(2)));
  EXPECT_EQ(elector_.OnFailed().kind, Call::Kind::kGet);
  EXPECT_EQ(elector_.OnGot(HeldBy("other", seconds(2)), At(seconds(2))).kind, Call::Kind::kNone);
  EXPECT_FALSE(elector_.IsLeader());
}

TEST_F(ClientGoElectorTest, ReleasesWithADurationOfASecond) {
  Lead(seconds(0));
  EXPECT_EQ(elector_.Release().kind, Call::Kind::kGet);
  const Call call = elector_.OnGot(HeldBy("me", seconds(0)), At(seconds(1)));
  ASSERT_EQ(call.kind, Call::Kind::kUpdate);
  EXPECT_EQ(call.lease.holder, "");
  EXPECT_EQ(call.lease.duration_seconds, 1);
  EXPECT_TRUE(elector_.OnUpdated(At(seconds(1))).succeeded);
  EXPECT_FALSE(elector_.IsLeader());
}

TEST_F(ClientGoElectorTest, BlanksSomebodyElsesHoldOnAStaleView) {
  Lead(seconds(0));
  EXPECT_EQ(elector_.Release().kind, Call::Kind::kGet);
  EXPECT_EQ(elector_.OnGot(HeldBy("other", seconds(100)), At(seconds(101))).kind,
            Call::Kind::kUpdate);
}

TEST_F(ClientGoElectorTest, WhoDoesNotLeadReleasesNothing) {
  EXPECT_EQ(elector_.Release().kind, Call::Kind::kGet);
  const Call call = elector_.OnGot(HeldBy("other", seconds(0)), At(seconds(1)));
  EXPECT_EQ(call.kind, Call::Kind::kNone);
}

}  // namespace
}  // namespace monopod::testing
