// `monopod run` as a parent: exit codes, arguments, signals, process 1.
#include <sched.h>
#include <signal.h>
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
  EXPECT_THAT(ended.out, ::testing::MatchesRegex(LockName("x") + " [0-9]+ web-0 .*\n"));
  EXPECT_THAT(ended.out, HasSubstr(" " + store() + "\n"));
}

TEST_F(SupervisionTest, TheLockIsFreeOnceTheCommandHasEnded) {
  EXPECT_EQ(Finish({"run", "x", "--", "false"}).code, 1);
  EXPECT_TRUE(IsFree("x"));
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
    return Process(
        Words(Words({"unshare", "--pid", "--fork", "--mount-proc", "--kill-child"}, Program()),
              {"run", LockName("x"), "--", "sh", "-c", ". \"$DIR/work.sh\"\n" + script}),
        InEnvironment());
  };
  Process coded = in_namespace("exit 42");
  EXPECT_EQ(coded.Wait(), 42) << coded.err();

  // Orphans fall to process 1 (or its guardian), which reaps them: none is left as a zombie.
  Process orphans = in_namespace(R"sh(for i in 1 2 3; do (true &) ; done
while [ "$(ps -e -o stat= | grep -c Z)" != 0 ]; do :; done
ps -o args= -p 1 | grep -q ' run ' && exit 3)sh");
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
  Process waiter(Words(Words({"unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sh",
                              "-c", "true & true & sleep 1000 & exec \"$@\"", "sh"},
                             Program()),
                       {"run", LockName("x"), "--", "true"}),
                 InEnvironment());
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
  Process holder(Words(Words({"unshare", "--mount", "sh", "-c",
                              "mount -t tmpfs none /sys/fs/cgroup && exec \"$@\"", "sh"},
                             Program()),
                       {"run", LockName("x"), "--ttl", ttl(), "--holder", "first", "--", "sh", "-c",
                        R"(. "$DIR/work.sh"; trap '' TERM
setsid sh -c 'trap "" TERM; echo detached >>"$DIR/log"; while :; do sleep 1000; done' &
while :; do sleep 1000; done)"}),
                 InEnvironment());
  ASSERT_TRUE(AwaitLog("detached")) << holder.err();
  Process waiter = Run({"--ttl", ttl()}, "true");
  ASSERT_TRUE(waiter.AwaitErr("\"event\":\"waiting\""));
  holder.Signal(SIGSTOP);
  EXPECT_EQ(waiter.Wait(), 0) << waiter.err();
  ExpectNoOverlap();
  holder.Signal(SIGCONT);
  EXPECT_EQ(holder.Wait(), 122) << holder.err();
}

}  // namespace
}  // namespace monopod::testing
