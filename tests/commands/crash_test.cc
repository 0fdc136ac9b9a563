// A holder is killed, stopped or broken: its work is over before another begins.
#include <signal.h>

#include <nlohmann/json.hpp>

#include "src/base/clock.h"
#include "tests/commands/fixture.h"

namespace monopod::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// A command that ignores TERM, with a child in a session of its own that does so, too.
constexpr const char* kStubbornTree = R"(
trap '' TERM
setsid sh -c 'trap "" TERM; echo detached >>"$DIR/log"; while :; do sleep 1000; done' &
while :; do sleep 1000; done)";

enum class Cgroup { kUsed, kRefused };

class CrashTest : public CommandTest, public ::testing::WithParamInterface<Cgroup> {
 protected:
  Arguments Flags(Arguments more = {}) const {
    Arguments flags = {"--ttl", ttl()};
    if (GetParam() == Cgroup::kRefused) flags.emplace_back("--no-cgroup");
    return Words(flags, more);
  }

  // Starts a holder of the stubborn kind and waits until all of it runs.
  Process StartHolder() const {
    Process holder = Run(Flags({"--holder", "first"}), kStubbornTree);
    EXPECT_TRUE(AwaitLog("detached"));
    return holder;
  }

  double ExplainedSeconds(const std::string& key) const {
    const Ended explained = Finish({"explain", "--ttl", ttl(), "-o", "json"});
    return nlohmann::json::parse(explained.out)[key].get<double>();
  }

  // The guardian is the holder's only child until the command is reparented.
  static pid_t GuardianOf(pid_t monopod) {
    const std::string children = ReadFile("/proc/" + std::to_string(monopod) + "/task/" +
                                          std::to_string(monopod) + "/children");
    return children.empty() ? -1 : std::stoi(children);
  }

  void ExpectTakeover(Process& waiter) const {
    EXPECT_EQ(waiter.Wait(), 0) << waiter.err();
    EXPECT_THAT(waiter.err(), HasSubstr("\"event\":\"stale\""));
    EXPECT_THAT(waiter.err(), HasSubstr("\"event\":\"taken-over\""));
    EXPECT_THAT(waiter.err(), HasSubstr("\"name\":\"first\""));
    ExpectNoOverlap();
    const auto tokens = TokensBegun();
    ASSERT_EQ(tokens.size(), 2U);
    EXPECT_LT(tokens[0], tokens[1]);
  }
};

TEST_P(CrashTest, AKilledMonopodIsReplacedInTimeAndItsTreeIsDeadBefore) {
  Process holder = StartHolder();
  Process waiter = Run(Flags(), "true");
  ASSERT_TRUE(waiter.AwaitErr("\"event\":\"waiting\""));
  const BootTime killed = BootClock::now();
  holder.Signal(SIGKILL);
  ExpectTakeover(waiter);
  // A safety deadline of the product: what `explain` promised, and the time of a shell to start.
  const std::chrono::duration<double> took = BootClock::now() - killed;
  EXPECT_LT(took.count(), ExplainedSeconds("takeover_after_crash_seconds") + 1.0);
  EXPECT_EQ(holder.Wait(), 128 + SIGKILL);
}

TEST_P(CrashTest, AKilledGuardianTakesTheTreeWithItAndTheLockIsFreed) {
  Process holder = StartHolder();
  Process waiter = Run(Flags(), "true");
  ASSERT_TRUE(waiter.AwaitErr("\"event\":\"waiting\""));
  const pid_t guardian = GuardianOf(holder.pid());
  ASSERT_GT(guardian, 0);
  kill(guardian, SIGKILL);
  EXPECT_EQ(holder.Wait(), 70) << holder.err();
  EXPECT_THAT(holder.err(), HasSubstr("the guardian process was killed"));
  EXPECT_EQ(waiter.Wait(), 0) << waiter.err();
  ExpectNoOverlap();
  EXPECT_EQ(TokensBegun().size(), 2U);
}

TEST_P(CrashTest, BothKilledAtOnceTheCommandItselfDies) {
  // Descendants could outlive the two (PROTOCOL.md, "What is not promised"), the command cannot.
  Process holder = Run(Flags({"--holder", "first"}), "trap '' TERM; exec sleep 1000");
  ASSERT_TRUE(AwaitLog("begin"));
  Process waiter = Run(Flags(), "true");
  ASSERT_TRUE(waiter.AwaitErr("\"event\":\"waiting\""));
  const pid_t guardian = GuardianOf(holder.pid());
  ASSERT_GT(guardian, 0);
  holder.Signal(SIGSTOP);
  kill(guardian, SIGKILL);
  kill(holder.pid(), SIGKILL);
  EXPECT_EQ(holder.Wait(), 128 + SIGKILL);
  ExpectTakeover(waiter);
}

TEST_P(CrashTest, NoWaitCallsAloneReplaceAKilledHolder) {
  Process holder = StartHolder();
  holder.Signal(SIGKILL);
  int calls = 0;
  EXPECT_TRUE(Eventually([&] {
    ++calls;
    Process call = Run(Flags({"--no-wait"}), "true");
    const int code = call.Wait();
    EXPECT_TRUE(code == 0 || code == 75) << call.err();
    return code == 0;
  }));
  EXPECT_GT(calls, 1);
  ExpectNoOverlap();
}

TEST_P(CrashTest, AStoppedMonopodDoesNotDisarmTheDeadline) {
  Process holder = StartHolder();
  Process waiter = Run(Flags(), "true");
  ASSERT_TRUE(waiter.AwaitErr("\"event\":\"waiting\""));
  holder.Signal(SIGSTOP);
  ExpectTakeover(waiter);
  holder.Signal(SIGCONT);
  EXPECT_EQ(holder.Wait(), 122) << holder.err();
  EXPECT_THAT(holder.err(), HasSubstr("\"event\":\"lost\""));
}

TEST_P(CrashTest, ABrokenHolderIsDeadBeforeTheNextBegins) {
  Process holder = StartHolder();
  const unsigned long token = TokensBegun().at(0);
  EXPECT_EQ(Ask({"break", "x", "--token", std::to_string(token + 1), "--reason", "r"}).code, 76);
  const Ended broken =
      Ask({"break", "x", "--token", std::to_string(token), "--reason", "node is gone"});
  EXPECT_EQ(broken.code, 0) << broken.err;
  EXPECT_THAT(broken.err, HasSubstr("\"event\":\"broken\""));
  Process next = Run(Flags(), "true");
  EXPECT_EQ(next.Wait(), 0);
  EXPECT_THAT(next.err(), HasSubstr("\"event\":\"recovering\""));
  EXPECT_EQ(holder.Wait(), 122) << holder.err();
  EXPECT_THAT(holder.err(), HasSubstr("node is gone"));
  ExpectNoOverlap();
}

INSTANTIATE_TEST_SUITE_P(Trees, CrashTest, ::testing::Values(Cgroup::kUsed, Cgroup::kRefused),
                         [](const auto& instance) {
                           return instance.param == Cgroup::kUsed ? "cgroup" : "no_cgroup";
                         });

}  // namespace
}  // namespace monopod::testing
