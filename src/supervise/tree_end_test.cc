// The end of a command's whole tree, whoever is stopped or killed, with a cgroup and without.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "src/supervise/guardian.h"
#include "src/supervise/guardian_harness.h"

namespace monopod::supervise {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kEndGrace(250);

// How the tree is ended: the options that lead there.
struct Means {
  const char* name;
  std::vector<std::string> options;
};

class TreeEndTest : public testing::TestWithParam<Means> {
 protected:
  std::vector<std::string> Options(const Deadlines& deadlines) const {
    auto options = DeadlineOptions(deadlines);
    options.insert(options.end(), GetParam().options.begin(), GetParam().options.end());
    return options;
  }
  // Late enough for the command to have started by then.
  static Deadlines Soon() {
    const BootTime term = BootClock::now() + milliseconds(1000);
    return {.term = term, .kill = term + milliseconds(300)};
  }
  static Deadlines Far() {
    const BootTime far = BootClock::now() + hours(1);
    return {.term = far, .kill = far};
  }
  // Ignores TERM, and has a child in a new session that does, too.
  static std::vector<std::string> Stubborn() { return {GUARDIAN_FIXTURE, "stubborn"}; }
};

INSTANTIATE_TEST_SUITE_P(, TreeEndTest,
                         testing::Values(Means{"Default", {}}, Means{"NoCgroup", {"--no-cgroup"}},
                                         Means{"CoveredCgroup", {"--cover-cgroup"}},
                                         Means{"ProcessOne", {"--pid-namespace"}}),
                         [](const auto& means) { return std::string(means.param.name); });

TEST_P(TreeEndTest, TermComesAtTheTermDeadlineAndTheExitCodeDoesNotCount) {
  const BootTime term = BootClock::now() + milliseconds(1000);
  Harness harness({.options = Options({.term = term, .kill = term + hours(1)}),
                   .command = {"sh", "-c",
                               "trap 'echo told; exit 0' TERM; echo ready;"
                               "while :; do sleep 1000 & wait; done"}});
  ASSERT_TRUE(harness.AwaitOutput("told"));
  EXPECT_GE(BootClock::now(), term - milliseconds(4));
  EXPECT_EQ(harness.AwaitReport("end"), "stopped 0");
  EXPECT_TRUE(harness.TreeIsGone(BootClock::now()));
}

TEST_P(TreeEndTest, KillComesAtTheKillDeadline) {
  const Deadlines deadlines = Soon();
  Harness harness({.options = Options(deadlines), .command = Stubborn()});
  ASSERT_TRUE(harness.AwaitOutput("ready"));
  EXPECT_TRUE(harness.TreeIsGone(deadlines.kill + kEndGrace));
  EXPECT_EQ(harness.AwaitReport("end"), "stopped 0");
}

TEST_P(TreeEndTest, AStoppedTreeGetsTermToo) {
  const BootTime term = BootClock::now() + milliseconds(1000);
  Harness harness(
      {.options = Options({.term = term, .kill = term + hours(1)}),
       .command = {"sh", "-c", "setsid sh -c 'echo ready; kill -STOP $$' & kill -STOP $$"}});
  ASSERT_TRUE(harness.AwaitOutput("ready"));
  EXPECT_EQ(harness.AwaitReport("end"), "stopped 0");
  EXPECT_TRUE(harness.TreeIsGone(BootClock::now()));
}

TEST_P(TreeEndTest, ALostLockEndsTheTreeByTheKillThatStoodThen) {
  const BootTime kill = BootClock::now() + milliseconds(1500);
  Harness harness({.options = Options({.term = kill, .kill = kill}), .command = Stubborn()});
  ASSERT_TRUE(harness.AwaitOutput("ready"));
  harness.Tell("lost");
  ASSERT_TRUE(harness.AwaitReport("notice"));
  const std::string far = std::to_string(Far().kill.time_since_epoch().count());
  harness.Tell("deadlines " + far + " " + far);
  EXPECT_TRUE(harness.TreeIsGone(kill + kEndGrace));
  EXPECT_EQ(harness.AwaitReport("end"), "stopped 0");
}

TEST_P(TreeEndTest, WhatAFinishedCommandLeftBehindIsDeadWhenRunReturns) {
  Harness harness(
      {.options = Options(Far()),
       .command = {"sh", "-c", "sleep 1000 & setsid sleep 1000 & (setsid sleep 1000 &) ; exit 9"}});
  EXPECT_EQ(harness.AwaitReport("end"), "exited 9");
  EXPECT_TRUE(harness.TreeIsGone(BootClock::now()));
}

TEST_P(TreeEndTest, WhatIgnoresTermIsKilledAfterAGrace) {
  Harness harness({.options = Options(Far()), .command = {GUARDIAN_FIXTURE, "orphan"}});
  EXPECT_EQ(harness.AwaitReport("end"), "exited 0");
  EXPECT_TRUE(harness.TreeIsGone(BootClock::now()));
}

TEST_P(TreeEndTest, AForkStormIsEnded) {
  const Deadlines deadlines = Soon();
  Harness harness({.options = Options(deadlines), .command = {GUARDIAN_FIXTURE, "storm"}});
  ASSERT_TRUE(harness.AwaitOutput("ready"));
  EXPECT_EQ(harness.AwaitReport("end"), "stopped 0");
  EXPECT_TRUE(harness.TreeIsGone(BootClock::now()));
}

// It can outrun the scans for a while, but Run does not return meanwhile.
TEST_P(TreeEndTest, ACometIsCaughtBeforeRunReturns) {
  Harness harness({.options = Options(Far()), .command = {GUARDIAN_FIXTURE, "comet"}});
  EXPECT_EQ(harness.AwaitReport("end"), "exited 0");
  EXPECT_TRUE(harness.TreeIsGone(BootClock::now()));
}

TEST_P(TreeEndTest, AStoppedMonopodDoesNotDisarmTheDeadlines) {
  const Deadlines deadlines = Soon();
  Harness harness({.options = Options(deadlines), .command = Stubborn()});
  ASSERT_TRUE(harness.AwaitOutput("ready"));
  ASSERT_EQ(kill(harness.monopod(), SIGSTOP), 0);
  EXPECT_TRUE(harness.TreeIsGone(deadlines.kill + kEndGrace));
  ASSERT_EQ(kill(harness.monopod(), SIGCONT), 0);
  EXPECT_EQ(harness.AwaitReport("end"), "stopped 0");
}

TEST_P(TreeEndTest, AKilledMonopodsTreeIsKilledAtTheDeadline) {
  const Deadlines deadlines = Soon();
  Harness harness({.options = Options(deadlines), .command = Stubborn()});
  ASSERT_TRUE(harness.AwaitOutput("ready"));
  ASSERT_EQ(kill(harness.monopod(), SIGKILL), 0);
  EXPECT_TRUE(harness.TreeIsGone(deadlines.kill + kEndGrace));
}

TEST_P(TreeEndTest, AKilledMonopodsTreeGetsTermAtOnce) {
  Harness harness({.options = Options(Far()),
                   .command = {"sh", "-c", "setsid sleep 1000 & echo ready; exec sleep 1000"}});
  ASSERT_TRUE(harness.AwaitOutput("ready"));
  ASSERT_EQ(kill(harness.monopod(), SIGKILL), 0);
  EXPECT_TRUE(harness.TreeIsGone(Patience()));
}

TEST_P(TreeEndTest, AKilledGuardiansTreeIsKilledAtOnce) {
  Harness harness({.options = Options(Far()),
                   .command = {"sh", "-c",
                               GUARDIAN_FIXTURE " stubborn & read line; "
                                                "kill -KILL $PPID; sleep 1000"}});
  ASSERT_TRUE(harness.AwaitOutput("ready"));
  harness.CloseInput();
  EXPECT_EQ(harness.AwaitReport("end"), "signaled 9 guardian-died");
  EXPECT_TRUE(harness.TreeIsGone(BootClock::now()));
}

TEST_P(TreeEndTest, AStoppedGuardianDoesNotDisarmTheDeadlines) {
  const Deadlines deadlines = Soon();
  Harness harness(
      {.options = Options(deadlines),
       .command = {"sh", "-c", "kill -STOP $PPID; exec " GUARDIAN_FIXTURE " stubborn"}});
  ASSERT_TRUE(harness.AwaitOutput("ready"));
  EXPECT_TRUE(harness.TreeIsGone(deadlines.kill + kEndGrace));
  EXPECT_EQ(harness.AwaitReport("end"), "stopped 0 guardian-died");
}

TEST_P(TreeEndTest, TheCommandDiesWithMonopodAndTheGuardian) {
  Harness harness({.options = Options(Far()),
                   .command = {"sh", "-c",
                               "trap '' TERM; echo ready; read line; "
                               "kill -STOP $PPID; echo stopped; exec sleep 1000"}});
  ASSERT_TRUE(harness.AwaitOutput("ready"));
  // Stopped, so that it cannot act on monopod's death before it is killed itself.
  harness.CloseInput();
  ASSERT_TRUE(harness.AwaitOutput("stopped"));
  ASSERT_EQ(kill(harness.monopod(), SIGKILL), 0);
  if (harness.guardian() > 0) kill(harness.guardian(), SIGKILL);
  EXPECT_TRUE(harness.TreeIsGone(Patience()));
}

TEST(ProcessOneTest, OrphansOfOthersAreReaped) {
  Harness harness({.options = {"--pid-namespace", "--strangers"},
                   .command = {GUARDIAN_FIXTURE, "await-reaped"}});
  EXPECT_EQ(harness.AwaitReport("end"), "exited 0");
}

TEST(ProcessOneTest, EverythingElseInTheNamespaceIsDeadWhenRunReturns) {
  Harness harness({.options = {"--pid-namespace", "--strangers"}, .command = {"true"}});
  EXPECT_EQ(harness.AwaitReport("end"), "exited 0");
  EXPECT_TRUE(harness.TreeIsGone(BootClock::now()));
}

TEST(ProcessOneTest, TermIsForwarded) {
  Harness harness(
      {.options = {"--pid-namespace"}, .command = {"sh", "-c", "echo ready; exec sleep 1000"}});
  ASSERT_TRUE(harness.AwaitOutput("ready"));
  ASSERT_EQ(kill(harness.monopod(), SIGTERM), 0);
  EXPECT_EQ(harness.AwaitReport("end"), "signaled 15");
}

}  // namespace
}  // namespace monopod::supervise
