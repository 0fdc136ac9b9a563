// The end of a command's whole tree, whoever is stopped or killed, with a cgroup and without.
#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
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
  // On a busy machine monopod may lose patience with the guardian and end the tree itself.
  static void ExpectStopped(Harness& harness) {
    const auto end = harness.AwaitReport("end");
    EXPECT_TRUE(end == "stopped 0" || end == "stopped 0 guardian-died") << end.value_or("nothing");
  }
  // Ignores TERM, and has a child in a new session that does, too.
  static std::vector<std::string> Stubborn() { return {GUARDIAN_FIXTURE, "stubborn"}; }
};

INSTANTIATE_TEST_SUITE_P(, TreeEndTest,
                         testing::Values(Means{"Default", {}}, Means{"NoCgroup", {"--no-cgroup"}},
                                         Means{"CoveredCgroup", {"--cover-cgroup"}},
                                         Means{"ProcessOne", {"--pid-namespace", "--no-cgroup"}}),
                         [](const auto& means) { return std::string(means.param.name); });

TEST_P(TreeEndTest, TermComesAtTheTermDeadlineAndTheExitCodeDoesNotCount) {
  const BootTime term = BootClock::now() + milliseconds(1000);
  Harness harness({.options = Options({.term = term, .kill = term + hours(1)}),
                   .command = {"sh", "-c",
                               "trap 'echo told; exit 0' TERM; echo ready;"
                               "while :; do sleep 1000 & wait; done"}});
  ASSERT_TRUE(harness.AwaitOutput("told"));
  EXPECT_GE(BootClock::now(), term - milliseconds(4));
  ExpectStopped(harness);
  EXPECT_TRUE(harness.TreeIsGone(BootClock::now()));
}

TEST_P(TreeEndTest, KillComesAtTheKillDeadline) {
  const Deadlines deadlines = Soon();
  Harness harness({.options = Options(deadlines), .command = Stubborn()});
  ASSERT_TRUE(harness.AwaitOutput("ready"));
  EXPECT_TRUE(harness.TreeIsGone(deadlines.kill + kEndGrace));
  ExpectStopped(harness);
}

TEST_P(TreeEndTest, AStoppedTreeGetsTermToo) {
  const BootTime term = BootClock::now() + milliseconds(1000);
  Harness harness(
      {.options = Options({.term = term, .kill = term + hours(1)}),
       .command = {"sh", "-c", "setsid sh -c 'echo ready; kill -STOP $$' & kill -STOP $$"}});
  ASSERT_TRUE(harness.AwaitOutput("ready"));
  ExpectStopped(harness);
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
  ExpectStopped(harness);
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
  Harness harness({.options = Options(deadlines),
                   .command = {"sh", "-c",
                               "trap '' TERM;"
                               "storm() { for i in $(seq 100000); do (setsid true &); done; };"
                               "storm & storm & storm & storm & echo ready; wait"}});
  ASSERT_TRUE(harness.AwaitOutput("ready"));
  ExpectStopped(harness);
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
  ExpectStopped(harness);
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
  ExpectStopped(harness);
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

// A debugger that does not let go of a killed process: the nearest to one that cannot be killed.
class UnkillableTest : public testing::Test {
 protected:
  // Takes hold of the process whose id the command prints.
  void Hold(Harness& harness) {
    ASSERT_TRUE(harness.AwaitOutput("\n"));
    held_ = std::stoi(harness.output());
    ASSERT_EQ(ptrace(PTRACE_SEIZE, held_, nullptr, nullptr), 0);
  }
  std::string HeldId() const { return std::to_string(held_); }
  void LetGo() const {
    int status = 0;
    while (waitpid(held_, &status, __WALL) == held_ && WIFSTOPPED(status)) {
    }
  }

 private:
  pid_t held_ = 0;
};

TEST_F(UnkillableTest, RunDoesNotReturnBeforeItIsGoneWhileTheTenureLasts) {
  Harness harness(
      {.options = {}, .command = {"sh", "-c", "setsid sleep 1000 & echo $!; read line; exit 3"}});
  Hold(harness);
  harness.CloseInput();
  std::optional<std::string> notice;
  do {
    notice = harness.AwaitReport("notice");
    ASSERT_TRUE(notice);
  } while (notice->find("outlive SIGKILL") == std::string::npos);
  EXPECT_NE(notice->find(HeldId()), std::string::npos) << *notice;
  LetGo();
  EXPECT_EQ(harness.AwaitReport("end"), "exited 3");
}

TEST_F(UnkillableTest, AfterTheKillDeadlineRunSaysThatItIsNotGone) {
  const BootTime term = BootClock::now() + milliseconds(1000);
  Harness harness({.options = DeadlineOptions({.term = term, .kill = term + milliseconds(100)}),
                   .command = {"sh", "-c", "echo $$; exec sleep 1000"}});
  Hold(harness);
  EXPECT_EQ(harness.AwaitReport("end"), "error indeterminate");
  LetGo();
}

TEST(ProcessOneTest, OrphansOfOthersAreReaped) {
  Harness harness({.options = {"--pid-namespace", "--no-cgroup", "--strangers"},
                   .command = {GUARDIAN_FIXTURE, "await-reaped"}});
  EXPECT_EQ(harness.AwaitReport("end"), "exited 0");
}

TEST(ProcessOneTest, EverythingElseInTheNamespaceIsDeadWhenRunReturns) {
  Harness harness(
      {.options = {"--pid-namespace", "--no-cgroup", "--strangers"}, .command = {"true"}});
  EXPECT_EQ(harness.AwaitReport("end"), "exited 0");
  EXPECT_TRUE(harness.TreeIsGone(BootClock::now()));
}

TEST(ProcessOneTest, TermIsForwarded) {
  Harness harness({.options = {"--pid-namespace", "--no-cgroup"},
                   .command = {"sh", "-c", "echo ready; exec sleep 1000"}});
  ASSERT_TRUE(harness.AwaitOutput("ready"));
  ASSERT_EQ(kill(harness.monopod(), SIGTERM), 0);
  EXPECT_EQ(harness.AwaitReport("end"), "signaled 15");
}

}  // namespace
}  // namespace monopod::supervise
