// `monopod elect`: one leads, the others wait, and no two work at once.
#include <signal.h>

#include <map>
#include <nlohmann/json.hpp>

#include "tests/commands/fixture.h"

namespace monopod::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

class ElectTest : public CommandTest {
 protected:
  // A candidate whose work says whose it is, and goes on until it is stopped.
  Process Candidate(const std::string& name, const Arguments& flags = {},
                    const std::string& script = "exec sleep 1000") const {
    return Monopod(
        Words(Words({"elect", "x", "--holder", name, "--ttl", ttl()}, flags),
              {"--", "sh", "-c",
               ". \"$DIR/work.sh\"\necho \"lead $MONOPOD_HOLDER\" >>\"$DIR/log\"\n" + script}));
  }

  // What the hooks and commands of these tests have said, but for the beginnings.
  std::vector<std::string> Said() const {
    std::vector<std::string> said;
    std::istringstream log(Log());
    for (std::string line; std::getline(log, line);) {
      if (!line.starts_with("begin ")) said.push_back(line);
    }
    return said;
  }

  static std::string Say(const std::string& what) { return "echo " + what + " >>\"$DIR/log\""; }

  Json StatusOf(const std::string& lock) const {
    const Ended status = Ask({"status", lock, "-o", "json"});
    return status.code == 0 ? Json::parse(status.out)["slot"][0] : Json::object();
  }
  bool AwaitHolder(const std::string& lock, const std::string& name) const {
    return Eventually([&] { return StatusOf(lock).value("holder", "") == name; });
  }
  bool AwaitLines(const std::string& line, long count) const {
    return Eventually([&] {
      const auto said = Said();
      return std::count(said.begin(), said.end(), line) == count;
    });
  }

  void ExpectTokensRise() const {
    const auto tokens = TokensBegun();
    EXPECT_TRUE(std::is_sorted(tokens.begin(), tokens.end(), std::less_equal<>())) << Log();
  }
};

TEST_F(ElectTest, OneOfThreeLeadsAndSigtermHandsOver) {
  std::map<std::string, Process> candidates;
  for (const std::string name : {"a", "b", "c"}) candidates.emplace(name, Candidate(name));
  for (std::size_t leaders = 1; leaders <= 3; ++leaders) {
    ASSERT_TRUE(Eventually([&] { return Said().size() == leaders; })) << Log();
    const std::string leader = Said().back().substr(std::string("lead ").size());
    Process& process = candidates.at(leader);
    process.Signal(SIGTERM);
    EXPECT_EQ(process.Wait(), 128 + SIGTERM) << process.err();
  }
  ExpectNoOverlap();
  ExpectTokensRise();
  EXPECT_TRUE(IsFree("x"));
}

TEST_F(ElectTest, AKilledLeaderIsReplaced) {
  Process first = Candidate("first");
  ASSERT_TRUE(AwaitLog("lead first"));
  Process second = Candidate("second");
  ASSERT_TRUE(second.AwaitErr("\"event\":\"waiting\""));
  first.Signal(SIGKILL);
  EXPECT_TRUE(AwaitLog("lead second"));
  ExpectNoOverlap();
  ExpectTokensRise();
}

TEST_F(ElectTest, AStoppedLeadersWorkIsDeadBeforeAnotherBegins) {
  Process first = Candidate("first", {}, "trap '' TERM\nwhile :; do sleep 1000; done");
  ASSERT_TRUE(AwaitLog("lead first"));
  Process second = Candidate("second");
  ASSERT_TRUE(second.AwaitErr("\"event\":\"waiting\""));
  first.Signal(SIGSTOP);
  EXPECT_TRUE(AwaitLog("lead second"));
  ExpectNoOverlap();
  ExpectTokensRise();
  first.Signal(SIGCONT);
  EXPECT_EQ(first.Wait(), 122) << first.err();
}

TEST_F(ElectTest, WhoWaitsCanBeStopped) {
  Process leader = Candidate("leader");
  ASSERT_TRUE(AwaitLog("lead leader"));
  Process waiter = Candidate("waiter");
  ASSERT_TRUE(waiter.AwaitErr("\"event\":\"waiting\""));
  waiter.Signal(SIGINT);
  EXPECT_EQ(waiter.Wait(), 128 + SIGINT) << waiter.err();
  EXPECT_THAT(Said(), ElementsAre("lead leader"));
}

TEST_F(ElectTest, TheExitCodeIsTheCommandsOwn) {
  EXPECT_EQ(Finish({"elect", "x", "--", "sh", "-c", "exit 42"}).code, 42);
  EXPECT_EQ(Finish({"elect", "x", "--", "true"}).code, 0);
  EXPECT_EQ(Finish({"elect", "x", "--", "no-such-command"}).code, 127);
  EXPECT_TRUE(IsFree("x"));
}

TEST_F(ElectTest, StatusShowsWhoLeadsSinceWhen) {
  Process leader = Candidate("web-0");
  ASSERT_TRUE(AwaitLog("lead web-0"));
  const Json status = StatusOf("x");
  EXPECT_EQ(status["holder"], "web-0");
  EXPECT_EQ(status["purpose"], "leader election");
  EXPECT_THAT(status["acquired"].get<std::string>(), HasSubstr("T"));
}

TEST_F(ElectTest, HooksSurroundTheCommand) {
  const Ended ended =
      Finish({"elect", "x", "--holder", "me", "--on-start", Say("start $MONOPOD_HOLDER"),
              "--on-stop", Say("stop $MONOPOD_LOCK"), "--", "sh", "-c", Say("work") + "; exit 3"});
  EXPECT_EQ(ended.code, 3) << ended.err;
  EXPECT_THAT(Said(), ElementsAre("start me", "work", "stop " + LockName("x")));
  EXPECT_TRUE(IsFree("x"));
}

TEST_F(ElectTest, WhatTheCommandLeavesRunningIsEndedBeforeTheLastHook) {
  // The command's descendants keep descriptor 9 locked.
  const Ended ended =
      Finish({"elect", "x", "--on-stop", "exec 9>>\"$DIR/alive\"; flock -n 9 && " + Say("alone"),
              "--", "sh", "-c", ". \"$DIR/work.sh\"; setsid sleep 1000 & exit 0"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(Said(), ElementsAre("alone"));
}

TEST_F(ElectTest, AfterSigtermTheLastHookRunsBeforeTheNextLeaderBegins) {
  Process first =
      Candidate("first", {"--on-stop", Say("stopped")},
                "trap '" + Say("term") + "; exit 7' TERM\nwhile :; do sleep 1000 & wait; done");
  ASSERT_TRUE(AwaitLog("lead first"));
  Process second = Candidate("second");
  ASSERT_TRUE(second.AwaitErr("\"event\":\"waiting\""));
  first.Signal(SIGTERM);
  EXPECT_EQ(first.Wait(), 7) << first.err();
  ASSERT_TRUE(AwaitLog("lead second"));
  EXPECT_THAT(Said(), ElementsAre("lead first", "term", "stopped", "lead second"));
}

TEST_F(ElectTest, ACommandThatIgnoresSigtermIsKilledAndTheLastHookRuns) {
  Process leader = Candidate("leader", {"--on-stop", Say("stopped")},
                             "trap '' TERM\nwhile :; do sleep 1000; done");
  ASSERT_TRUE(AwaitLog("lead leader"));
  leader.Signal(SIGTERM);
  EXPECT_EQ(leader.Wait(), 128 + SIGTERM) << leader.err();
  EXPECT_THAT(Said(), ElementsAre("lead leader", "stopped"));
  EXPECT_TRUE(IsFree("x"));
}

TEST_F(ElectTest, AFailingFirstHookGivesTheLeadershipBack) {
  const Ended ended = Finish({"elect", "x", "--on-start", "exit 7", "--on-stop", Say("stopped"),
                              "--", "sh", "-c", Say("work")});
  EXPECT_EQ(ended.code, 7);
  EXPECT_THAT(ended.err,
              HasSubstr("--on-start ended with exit code 7; the leadership is given back"));
  EXPECT_THAT(Said(), ElementsAre("stopped"));
  EXPECT_TRUE(IsFree("x"));
}

TEST_F(ElectTest, AHookMayNotTakeForEver) {
  const Ended ended = Finish({"elect", "x", "--hook-timeout", "100ms", "--on-start", "sleep 1000",
                              "--", "sh", "-c", Say("work")});
  EXPECT_EQ(ended.code, 128 + SIGTERM);
  EXPECT_THAT(ended.err, HasSubstr("--on-start did not end within 100ms"));
  EXPECT_THAT(Said(), ElementsAre());
  EXPECT_TRUE(IsFree("x"));
}

TEST_F(ElectTest, WithoutACommandItLeadsUntilItIsStopped) {
  Process leader =
      Monopod({"elect", "x", "--ttl", ttl(), "--on-start", Say("start"), "--on-stop", Say("stop")});
  ASSERT_TRUE(AwaitLog("start"));
  leader.Signal(SIGTERM);
  EXPECT_EQ(leader.Wait(), 128 + SIGTERM) << leader.err();
  EXPECT_THAT(Said(), ElementsAre("start", "stop"));
  EXPECT_TRUE(IsFree("x"));
}

TEST_F(ElectTest, WithoutACommandItCampaignsAgainAfterALoss) {
  Process leader =
      Monopod({"elect", "x", "--ttl", ttl(), "--on-start", Say("start"), "--on-stop", Say("stop")});
  ASSERT_TRUE(AwaitLog("start"));
  const std::string token = StatusOf("x")["token"].dump();
  EXPECT_EQ(Ask({"break", "x", "--token", token, "--reason", "a test"}).code, 0);
  ASSERT_TRUE(AwaitLines("start", 2)) << leader.err();
  EXPECT_THAT(Said(), ElementsAre("start", "stop", "start"));
  leader.Signal(SIGTERM);
  EXPECT_EQ(leader.Wait(), 128 + SIGTERM) << leader.err();
}

TEST_F(ElectTest, ALostLeadershipStopsTheCommandAndEndsWith122) {
  Process leader = Candidate("leader", {"--on-stop", Say("stopped")});
  ASSERT_TRUE(AwaitLog("lead leader"));
  const std::string token = StatusOf("x")["token"].dump();
  EXPECT_EQ(Ask({"break", "x", "--token", token, "--reason", "a test"}).code, 0);
  EXPECT_EQ(leader.Wait(), 122) << leader.err();
  EXPECT_THAT(leader.err(), HasSubstr("the leadership was lost"));
  EXPECT_THAT(Said(), ElementsAre("lead leader", "stopped"));
}

TEST_F(ElectTest, APreferredCandidateReplacesTheLeaderWhichWaitsForItsTurnAgain) {
  Process ordinary = Candidate("ordinary", {"--priority", "0"});
  ASSERT_TRUE(AwaitLog("lead ordinary"));
  Process other = Candidate("other", {"--priority", "0"});
  ASSERT_TRUE(other.AwaitErr("\"event\":\"waiting\""));
  Process preferred = Candidate("preferred", {"--priority", "10"});
  ASSERT_TRUE(AwaitLog("lead preferred")) << ordinary.err() << preferred.err();
  EXPECT_THAT(Said(), ElementsAre("lead ordinary", "lead preferred"));
  EXPECT_TRUE(ordinary.AwaitErr("a candidate with higher priority waits"));
  other.Signal(SIGTERM);
  EXPECT_EQ(other.Wait(), 128 + SIGTERM);

  preferred.Signal(SIGTERM);
  EXPECT_EQ(preferred.Wait(), 128 + SIGTERM) << preferred.err();
  EXPECT_TRUE(AwaitLines("lead ordinary", 2)) << ordinary.err();
  ordinary.Signal(SIGTERM);
  EXPECT_EQ(ordinary.Wait(), 128 + SIGTERM) << ordinary.err();
  ExpectNoOverlap();
  ExpectTokensRise();
}

TEST_F(ElectTest, EqualsLeaveEachOtherAlone) {
  Process first = Candidate("first", {"--priority", "5"});
  ASSERT_TRUE(AwaitLog("lead first"));
  Process second = Candidate("second", {"--priority", "5"});
  ASSERT_TRUE(AwaitHolder("x.preferred", "second"));
  // The announcement is renewed as often as the leader looks at it.
  for (int renewals = 0; renewals < 4; ++renewals) {
    const std::string renewed = StatusOf("x.preferred")["renewed"];
    ASSERT_TRUE(
        Eventually([&] { return StatusOf("x.preferred").value("renewed", "") != renewed; }));
  }
  EXPECT_THAT(Said(), ElementsAre("lead first"));
  first.Signal(SIGTERM);
  EXPECT_TRUE(AwaitLog("lead second"));
}

TEST_F(ElectTest, AsProcessOneItRunsItsHooksAndItsCommand) {
  Process leader(
      Words(Words({"unshare", "--pid", "--fork", "--mount-proc", "--kill-child"}, Program()),
            {"elect", LockName("x"), "--on-start", Say("start"), "--on-stop", Say("stop"), "--",
             "sh", "-c", "setsid sleep 1000 & " + Say("work") + "; exit 5"}),
      InEnvironment());
  EXPECT_EQ(leader.Wait(), 5) << leader.err();
  EXPECT_THAT(Said(), ElementsAre("start", "work", "stop"));
}

TEST_F(ElectTest, ItCampaignsOnWhileTheStoreCannotBeReached) {
  Process candidate = Monopod(
      {"elect", "x", "--store", "etcd://127.0.0.1:1", "--store-timeout", "100ms", "--", "true"});
  ASSERT_TRUE(candidate.AwaitErr("trying again in 2s")) << candidate.err();
  candidate.Signal(SIGTERM);
  EXPECT_EQ(candidate.Wait(), 128 + SIGTERM);
}

}  // namespace
}  // namespace monopod::testing
