// A command's run from start to end, when nobody but the command misbehaves.
#include "src/supervise/guardian.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>

#include "src/supervise/cgroup.h"
#include "src/supervise/guardian_harness.h"

namespace monopod::supervise {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

std::optional<std::string> EndOf(const std::vector<std::string>& command) {
  Harness harness({.options = {}, .command = command});
  return harness.AwaitReport("end");
}

TEST(GuardianTest, TheExitCodeIsReported) {
  EXPECT_EQ(EndOf({"true"}), "exited 0");
  EXPECT_EQ(EndOf({"sh", "-c", "exit 7"}), "exited 7");
}

TEST(GuardianTest, TheEndingSignalIsReported) {
  EXPECT_EQ(EndOf({"sh", "-c", "kill -KILL $$"}), "signaled 9");
}

TEST(GuardianTest, ACommandThatDoesNotExistIsNotStarted) {
  EXPECT_EQ(EndOf({"/nonexistent/command"}), "not-started " + std::to_string(ENOENT));
  EXPECT_EQ(EndOf({"no-such-command-in-the-path"}), "not-started " + std::to_string(ENOENT));
}

TEST(GuardianTest, AFileThatCannotBeExecutedIsNotStarted) {
  EXPECT_EQ(EndOf({"/etc/passwd"}), "not-started " + std::to_string(EACCES));
  EXPECT_EQ(EndOf({"/"}), "not-started " + std::to_string(EACCES));
}

TEST(GuardianTest, ArgumentsReachTheCommandUntouched) {
  Harness harness({.options = {},
                   .command = {GUARDIAN_FIXTURE, "print", "", "[a,b]", "--", "a\nb", "$HOME *"}});
  EXPECT_EQ(harness.AwaitReport("end"), "exited 0");
  EXPECT_TRUE(harness.TreeIsGone(Patience()));
  EXPECT_EQ(harness.output(), "0:\n5:[a,b]\n2:--\n3:a\nb\n7:$HOME *\n");
}

TEST(GuardianTest, TheEnvironmentIsAddedTo) {
  ASSERT_EQ(setenv("MONOPOD_KEPT", "kept", 1), 0);
  Harness harness(
      {.options = {}, .command = {"sh", "-c", "echo $MONOPOD_KEPT:$MONOPOD_ADDED:$HOME"}});
  EXPECT_TRUE(harness.AwaitOutput("kept:some value:/replaced\n"));
}

TEST(GuardianTest, StandardInputReachesTheCommand) {
  Harness harness({.options = {}, .command = {"sh", "-c", "cat; exit 5"}});
  harness.CloseInput();
  EXPECT_EQ(harness.AwaitReport("end"), "exited 5");
}

// A pipeline's next program must not wait for the guardian.
TEST(GuardianTest, NobodyButTheCommandHoldsItsOutput) {
  Harness harness({.options = {}, .command = {"sh", "-c", "exec >&-; read -r line"}});
  EXPECT_TRUE(harness.TreeIsGone(Patience()));
  harness.CloseInput();
  EXPECT_EQ(harness.AwaitReport("end"), "exited 1");
}

TEST(GuardianTest, TheCommandStartsWithNoSignalBlocked) {
  EXPECT_EQ(EndOf({"sh", "-c", "grep -q '^SigBlk:.0*$' /proc/self/status"}), "exited 0");
}

TEST(GuardianTest, AnIgnoredHangupStaysIgnoredAsUnderNohup) {
  Harness harness({.options = {"--ignore", std::to_string(SIGHUP)},
                   .command = {"sh", "-c", "kill -HUP $$; exit 6"}});
  EXPECT_EQ(harness.AwaitReport("end"), "exited 6");
}

TEST(GuardianTest, AnIgnoredChildSignalDoesNotLoseTheExitCode) {
  Harness harness(
      {.options = {"--ignore", std::to_string(SIGCHLD)}, .command = {"sh", "-c", "exit 7"}});
  EXPECT_EQ(harness.AwaitReport("end"), "exited 7");
}

TEST(GuardianTest, ForkIsRefusedOnceThereAreThreads) {
  Harness harness({.options = {"--thread-first"}, .command = {"true"}});
  EXPECT_EQ(harness.AwaitReport("error"), "invalid-argument");
}

TEST(GuardianTest, NothingIsLeftIfMonopodDiesBeforeRun) {
  Harness harness({.options = {"--await-run"}, .command = {"true"}});
  ASSERT_EQ(kill(harness.monopod(), SIGKILL), 0);
  // The harness expects that the guardian ends.
}

TEST(GuardianTest, TheCommandRunsInACgroupOfItsOwnWherePossible) {
  const auto probe = Cgroup::Create();
  const bool possible = probe.has_value();
  if (probe) probe->Remove();
  Harness harness({.options = {}, .command = {"cat", "/proc/self/cgroup"}});
  EXPECT_EQ(harness.AwaitReport("end"), "exited 0");
  EXPECT_TRUE(harness.TreeIsGone(Patience()));
  EXPECT_EQ(harness.output().find("/monopod-") != std::string::npos, possible);
}

TEST(GuardianTest, TheCgroupIsRemovedWithThoseThatTheCommandMade) {
  Harness harness({.options = {},
                   .command = {"sh", "-c",
                               "own=$(sed -n 's/^0:://p' /proc/self/cgroup);"
                               "for root in /sys/fs/cgroup /sys/fs/cgroup/unified; do "
                               "  case $own in */monopod-*) mkdir $root$own/nested && "
                               "    echo $root$own;; esac; done 2>/dev/null; exit 0"}});
  EXPECT_EQ(harness.AwaitReport("end"), "exited 0");
  EXPECT_TRUE(harness.TreeIsGone(Patience()));
  const std::string path = harness.output().substr(0, harness.output().find('\n'));
  EXPECT_NE(access(path.c_str(), F_OK), 0) << path;
}

TEST(GuardianTest, FarDeadlinesSetInTimeKeepTheCommandRunning) {
  const BootTime term = BootClock::now() + milliseconds(1500);
  Harness harness({.options = DeadlineOptions({.term = term, .kill = term + milliseconds(100)}),
                   .command = {"sh", "-c", "echo ready; read -r line; exit 4"}});
  ASSERT_TRUE(harness.AwaitOutput("ready"));
  const std::string far = std::to_string((term + hours(1)).time_since_epoch().count());
  harness.Tell("deadlines " + far + " " + far);
  EXPECT_FALSE(harness.TreeIsGone(term + milliseconds(300)));
  harness.CloseInput();
  EXPECT_EQ(harness.AwaitReport("end"), "exited 4");
}

// A command that was started would not be stopped before it can show it.
const std::vector<std::string> kDeafToTerm = {"--ignore", std::to_string(SIGTERM)};

std::vector<std::string> Words(std::vector<std::string> first,
                               const std::vector<std::string>& rest) {
  first.insert(first.end(), rest.begin(), rest.end());
  return first;
}

TEST(GuardianTest, NothingIsStartedInAnExpiredTenure) {
  const BootTime past = BootClock::now() - milliseconds(1);
  Harness harness(
      {.options = Words(DeadlineOptions({.term = past, .kill = past + hours(1)}), kDeafToTerm),
       .command = {"echo", "started"}});
  EXPECT_EQ(harness.AwaitReport("end"), "stopped 0");
  EXPECT_TRUE(harness.TreeIsGone(Patience()));
  EXPECT_EQ(harness.output(), "");
}

TEST(GuardianTest, NothingIsStartedUnderALockThatIsLostAlready) {
  Harness harness({.options = Words({"--await-run"}, kDeafToTerm), .command = {"echo", "started"}});
  harness.Tell("lost");
  harness.Tell("run");
  EXPECT_EQ(harness.AwaitReport("end"), "stopped 0");
  EXPECT_TRUE(harness.TreeIsGone(Patience()));
  EXPECT_EQ(harness.output(), "");
}

TEST(GuardianTest, SignalsAreForwardedToTheCommand) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) {
    Harness harness({.options = {"--no-cgroup"},
                     .command = {"sh", "-c", "ulimit -c 0; echo ready; exec sleep 1000"}});
    ASSERT_TRUE(harness.AwaitOutput("ready"));
    kill(harness.monopod(), signal);
    EXPECT_EQ(harness.AwaitReport("end"), "signaled " + std::to_string(signal));
  }
}

TEST(GuardianTest, ASignalThatCameBeforeRunIsForwarded) {
  Harness harness({.options = {"--await-run"}, .command = {"sleep", "1000"}});
  kill(harness.monopod(), SIGTERM);
  harness.Tell("run");
  EXPECT_EQ(harness.AwaitReport("end"), "signaled 15");
}

TEST(GuardianTest, AStoppedCommandStillEndsOnTerm) {
  Harness harness({.options = {}, .command = {"sh", "-c", "echo ready; kill -STOP $$"}});
  ASSERT_TRUE(harness.AwaitOutput("ready"));
  kill(harness.monopod(), SIGTERM);
  EXPECT_EQ(harness.AwaitReport("end"), "signaled 15");
}

TEST(GuardianTest, ASuspendedCommandIsContinued) {
  Harness harness({.options = {}, .command = {"sh", "-c", "kill -TSTP $$; exit 3"}});
  const auto notice = harness.AwaitReport("notice");
  ASSERT_TRUE(notice);
  EXPECT_NE(notice->find("cannot be suspended"), std::string::npos) << *notice;
  EXPECT_EQ(harness.AwaitReport("end"), "exited 3");
}

class GuardianTerminalTest : public testing::Test {
 protected:
  GuardianTerminalTest() : master_(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    EXPECT_EQ(grantpt(master_.get()), 0);
    EXPECT_EQ(unlockpt(master_.get()), 0);
  }
  std::string Path() const { return ptsname(master_.get()); }
  void Type(const std::string& keys) const {
    EXPECT_EQ(write(master_.get(), keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }

 private:
  FileDescriptor master_;
};
TEST_F(GuardianTerminalTest, ControlCReachesTheCommandAndTheTerminalComesBack) {
  Harness harness({.options = {"--terminal", Path()},
                   .command = {"sh", "-c", "echo ready >&9; exec sleep 1000"}});
  ASSERT_TRUE(harness.AwaitOutput("ready"));
  Type("\x03");
  EXPECT_EQ(harness.AwaitReport("end"), "signaled 2 foreground");
}

TEST_F(GuardianTerminalTest, ControlZDoesNotSuspendTheCommandWhichReadsOn) {
  Harness harness({.options = {"--terminal", Path()},
                   .command = {"sh", "-c", "echo ready >&9; read line; echo $line >&9; exit 4"}});
  ASSERT_TRUE(harness.AwaitOutput("ready"));
  Type("\x1a");
  ASSERT_TRUE(harness.AwaitReport("notice"));
  Type("typed\n");
  EXPECT_TRUE(harness.AwaitOutput("typed"));
  EXPECT_EQ(harness.AwaitReport("end"), "exited 4 foreground");
}

// `monopod run ... | less`: taking the terminal from less would stop it.
TEST_F(GuardianTerminalTest, InAPipelineTheTerminalStaysWithTheOthers) {
  Harness harness({.options = {"--terminal", Path(), "--pipeline"},
                   .command = {"sh", "-c",
                               "read -r id name state parent group session terminal foreground "
                               "rest </proc/$$/stat; [ $group != $foreground ]"}});
  EXPECT_EQ(harness.AwaitReport("end"), "exited 0 foreground");
}

TEST_F(GuardianTerminalTest, ACommandInTheBackgroundThatWantsTheTerminalStaysStopped) {
  Harness harness(
      {.options = {"--terminal", Path(), "--background"}, .command = {"sh", "-c", "read line"}});
  const auto notice = harness.AwaitReport("notice");
  ASSERT_TRUE(notice);
  EXPECT_NE(notice->find("wants the terminal"), std::string::npos) << *notice;
  // SIGTERM wakes it.
  harness.Tell("lost");
  EXPECT_EQ(harness.AwaitReport("end"), "stopped 0");
}

}  // namespace
}  // namespace monopod::supervise
