// `monopod run` as a parent: exit codes, arguments, signals, process 1, a full disk.
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <iterator>

#include "tests/commands/fixture.h"

namespace monopod::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class SupervisionTest : public CommandTest {
 protected:
  // Those that were not reaped, too.
  static std::vector<pid_t> ChildrenOf(pid_t process) {
    const std::string id = std::to_string(process);
    std::istringstream list(ReadFile("/proc/" + id + "/task/" + id + "/children"));
    return {std::istream_iterator<pid_t>(list), {}};
  }
};

TEST_F(SupervisionTest, TheExitCodeIsTheCommandsOwn) {
  EXPECT_EQ(Finish({"run", "x", "--", "true"}).code, 0);
  EXPECT_EQ(Finish({"run", "x", "--", "sh", "-c", "exit 42"}).code, 42);
  EXPECT_EQ(Finish({"run", "x", "--", "sh", "-c", "kill -USR1 $$"}).code, 128 + SIGUSR1);
  EXPECT_EQ(Finish({"run", "x", "--", "no-such-command"}).code, 127);
  EXPECT_EQ(Finish({"run", "x", "--", "/etc/passwd"}).code, 126);
  EXPECT_EQ(Finish({"run", "x", "--", "/"}).code, 126);
}

TEST_F(SupervisionTest, ArgumentsReachTheCommandUnchanged) {
  EXPECT_EQ(Finish({"run", "x", "--", "printf", "<%s>", "[a,b]", "", "--wait", "--", "ä\n"}).out,
            "<[a,b]><><--wait><--><ä\n>");
}

TEST_F(SupervisionTest, TheCommandKnowsItsLock) {
  const Ended ended = Finish({"run", "x", "--holder", "web-0", "--", "sh", "-c",
                              "echo $MONOPOD_LOCK $MONOPOD_TOKEN $MONOPOD_HOLDER $MONOPOD_STORE"});
  EXPECT_THAT(ended.out, ::testing::MatchesRegex("x [0-9]+ web-0 sqlite:.*/locks.db\n"));
}

TEST_F(SupervisionTest, TheLockIsFreeOnceTheCommandHasEnded) {
  EXPECT_EQ(Finish({"run", "x", "--", "false"}).code, 1);
  EXPECT_THAT(Finish({"status", "x"}).out, HasSubstr("free"));
}

TEST_F(SupervisionTest, WhatTheCommandLeavesRunningIsEndedBeforeTheRelease) {
  Process first = Run({}, "setsid sleep 1000 & setsid setsid sleep 1000 & exit 5");
  EXPECT_EQ(first.Wait(), 5) << first.err();
  Process second = Run({}, "true");
  EXPECT_EQ(second.Wait(), 0);
  ExpectNoOverlap();
}

TEST_F(SupervisionTest, SignalsReachTheCommandWhichMayHandleThem) {
  Process process = Run({}, R"(trap 'echo term >>"$DIR/log"; exit 7' TERM
echo ready >>"$DIR/log"; while :; do sleep 1000 & wait; done)");
  ASSERT_TRUE(AwaitLog("ready"));
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 7) << process.err();
  EXPECT_THAT(Log(), HasSubstr("term"));
}

TEST_F(SupervisionTest, AsProcessOneItReapsForwardsAndPassesTheCodeOn) {
  const auto in_namespace = [&](const std::string& script) {
    return Process({"unshare", "--pid", "--fork", "--mount-proc", "--kill-child", MONOPOD_BINARY,
                    "run", "x", "--", "sh", "-c", ". \"$DIR/work.sh\"\n" + script},
                   {.environment = {{"MONOPOD_STORE", store()}, {"DIR", directory_.path()}}});
  };
  Process coded = in_namespace("exit 42");
  EXPECT_EQ(coded.Wait(), 42) << coded.err();

  // Orphans fall to process 1 (or its guardian), which reaps them: none is left as a zombie.
  Process orphans = in_namespace(R"sh(for i in 1 2 3; do (true &) ; done
while [ "$(ps -e -o stat= | grep -c Z)" != 0 ]; do :; done
ps -o args= -p 1 | grep -q 'run x' && exit 3)sh");
  EXPECT_EQ(orphans.Wait(), 3) << orphans.err();

  Process termed = in_namespace(R"(trap 'exit 9' TERM; echo ready >>"$DIR/log"
while :; do sleep 1000 & wait; done)");
  ASSERT_TRUE(AwaitLog("ready"));
  const std::vector<pid_t> children = ChildrenOf(termed.pid());
  ASSERT_EQ(children.size(), 1U);
  kill(children.front(), SIGTERM);
  EXPECT_EQ(termed.Wait(), 9) << termed.err();
  ExpectNoOverlap();
}

TEST_F(SupervisionTest, AsProcessOneItReapsWhileItWaits) {
  Process holder = Run({}, "exec sleep 1000");
  ASSERT_TRUE(AwaitLog("begin"));
  // Children of process 1 that ended before monopod took its place, and one that ends under it.
  Process waiter({"unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c",
                  "true & true & sleep 1000 & exec \"$0\" run x -- true", MONOPOD_BINARY},
                 {.environment = {{"MONOPOD_STORE", store()}}});
  ASSERT_TRUE(waiter.AwaitErr("\"event\":\"waiting\""));
  const std::vector<pid_t> process_one = ChildrenOf(waiter.pid());
  ASSERT_EQ(process_one.size(), 1U);
  const auto children = [&] { return ChildrenOf(process_one.front()); };
  EXPECT_TRUE(Eventually([&] { return children().size() == 2; })) << "the guardian and sleep";
  for (const pid_t child : children()) {
    if (ReadFile("/proc/" + std::to_string(child) + "/comm") == "sleep\n") kill(child, SIGKILL);
  }
  EXPECT_TRUE(Eventually([&] { return children().size() == 1; }));
  holder.Signal(SIGTERM);
  EXPECT_EQ(waiter.Wait(), 0) << waiter.err();
}

TEST_F(SupervisionTest, WithoutAWritableCgroupTheTreeIsEndedAllTheSame) {
  // The cgroup file systems are covered, as a container's are read-only.
  Process holder(
      {"unshare", "--mount", "sh", "-c", "mount -t tmpfs none /sys/fs/cgroup && exec \"$@\"", "sh",
       MONOPOD_BINARY, "run", "x", "--ttl", "2s", "--holder", "first", "--", "sh", "-c",
       R"(. "$DIR/work.sh"; trap '' TERM
setsid sh -c 'trap "" TERM; echo detached >>"$DIR/log"; while :; do sleep 1000; done' &
while :; do sleep 1000; done)"},
      {.environment = {{"MONOPOD_STORE", store()}, {"DIR", directory_.path()}}});
  ASSERT_TRUE(AwaitLog("detached")) << holder.err();
  Process waiter = Run({"--ttl", "2s"}, "true");
  ASSERT_TRUE(waiter.AwaitErr("\"event\":\"waiting\""));
  holder.Signal(SIGSTOP);
  EXPECT_EQ(waiter.Wait(), 0) << waiter.err();
  ExpectNoOverlap();
  holder.Signal(SIGCONT);
  EXPECT_EQ(holder.Wait(), 122) << holder.err();
}

TEST_F(SupervisionTest, ADiskThatFillsUnderAHolderEndsItsWorkInTime) {
  const std::string small = directory_.File("small");
  ASSERT_EQ(mkdir(small.c_str(), 0755), 0);
  ASSERT_EQ(mount("none", small.c_str(), "tmpfs", 0, "size=1m"), 0);
  const std::string url = "sqlite:" + small + "/locks.db";
  Process holder(
      {MONOPOD_BINARY, "run", "x", "--ttl", "2s", "--store", url, "--", "sleep", "1000"});
  EXPECT_TRUE(holder.AwaitErr("\"event\":\"acquired\""));
  Process fill({"dd", "if=/dev/zero", "of=" + small + "/rest", "bs=4k"});
  EXPECT_NE(fill.Wait(), 0) << "the disk must be full";
  EXPECT_EQ(holder.Wait(), 122) << holder.err();
  EXPECT_THAT(holder.err(), HasSubstr("full"));
  umount2(small.c_str(), MNT_DETACH);
}

// Its own server, so that nobody's terminal is touched.
class TerminalTest : public CommandTest {
 protected:
  void TearDown() override { Tmux({"kill-server"}); }

  std::string Tmux(const Arguments& arguments) const {
    Process tmux(Words({"tmux", "-S", directory_.File("tmux"), "-f", "/dev/null"}, arguments));
    tmux.Wait();
    return tmux.out();
  }
  bool AwaitScreen(const std::string& text) const {
    return Eventually(
        [&] { return Tmux({"capture-pane", "-p", "-J"}).find(text) != std::string::npos; });
  }
  void Start(const std::string& script) const {
    Tmux({"new-session", "-d", "-x", "180", "-y", "40", "-e", "MONOPOD_STORE=" + store(), "-e",
          std::string("MONOPOD=") + MONOPOD_BINARY, "sh"});
    Tmux({"send-keys", script, "Enter"});
  }
};

TEST_F(TerminalTest, TheCommandHasTheTerminalAndGetsControlC) {
  Start(
      "$MONOPOD run x -- sh -c 'read line; echo got-$line; trap \"echo int-seen; exit 4\" INT; "
      "echo ready-$((40 + 2)); while :; do read nothing; done'; echo code-$?");
  ASSERT_TRUE(AwaitScreen("acquired with token"));
  Tmux({"send-keys", "hello", "Enter"});
  EXPECT_TRUE(AwaitScreen("got-hello"));
  ASSERT_TRUE(AwaitScreen("ready-42"));
  Tmux({"send-keys", "C-c"});
  EXPECT_TRUE(AwaitScreen("int-seen"));
  EXPECT_TRUE(AwaitScreen("code-4"));
}

TEST_F(TerminalTest, ControlCEndsTheScriptThatCalled) {
  WriteFile(directory_.File("script"),
            R"($MONOPOD run x -- sh -c 'echo ready-$((40 + 2)); exec sleep 1000'
echo went-on-$((40 + 2))
)");
  Start("sh " + directory_.File("script"));
  ASSERT_TRUE(AwaitScreen("ready-42"));
  Tmux({"send-keys", "C-c"});
  Tmux({"send-keys", "echo code-$?", "Enter"});
  EXPECT_TRUE(AwaitScreen("code-130"));
  EXPECT_THAT(Tmux({"capture-pane", "-p", "-J"}), ::testing::Not(HasSubstr("went-on-42")));
}

TEST_F(TerminalTest, APipelineKeepsTheTerminal) {
  Start(
      "echo piped | $MONOPOD run x -- sh -c 'cat; exec sleep 1000' | "
      "sh -c 'read first; echo $first-$((40 + 2)); read line </dev/tty; echo got-$line'");
  ASSERT_TRUE(AwaitScreen("piped-42"));
  Tmux({"send-keys", "hello", "Enter"});
  EXPECT_TRUE(AwaitScreen("got-hello"));
  EXPECT_THAT(Finish({"status", "x"}).out, HasSubstr("held"));
  Tmux({"send-keys", "C-c"});
  EXPECT_TRUE(
      Eventually([&] { return Finish({"status", "x"}).out.find("free") != std::string::npos; }));
}

TEST_F(TerminalTest, ControlZDoesNotSuspendAndSaysWhy) {
  Start(
      "$MONOPOD run x -- sh -c 'echo ready-$((40 + 2)); read line; echo got-$line'; echo code-$?");
  ASSERT_TRUE(AwaitScreen("ready-42"));
  Tmux({"send-keys", "C-z"});
  EXPECT_TRUE(AwaitScreen("cannot be suspended"));
  Tmux({"send-keys", "on", "Enter"});
  EXPECT_TRUE(AwaitScreen("got-on"));
  EXPECT_TRUE(AwaitScreen("code-0"));
}

TEST_F(TerminalTest, AWaitShowsALiveLineAndControlCEndsIt) {
  Process holder = Run({"--holder", "web-0"}, "exec sleep 1000");
  ASSERT_TRUE(AwaitLog("begin"));
  Start("$MONOPOD run x -- true; echo code-$?");
  EXPECT_TRUE(AwaitScreen("waited 2s: held by web-0"));
  Tmux({"send-keys", "C-c"});
  EXPECT_TRUE(AwaitScreen("code-130"));
}

}  // namespace
}  // namespace monopod::testing
