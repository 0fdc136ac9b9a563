// explain, version, completion, help.
#include <nlohmann/json.hpp>

#include "tests/commands/fixture.h"

namespace monopod::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HelpTest : public CommandTest {};

TEST_F(HelpTest, ExplainPrintsTheTimelineOfATtl) {
  const auto json = nlohmann::json::parse(Finish({"explain", "--ttl", "20s", "-o", "json"}).out);
  EXPECT_EQ(json["term_after_seconds"], 12.0);
  EXPECT_EQ(json["kill_after_seconds"], 16.0);
  EXPECT_EQ(json["takeover_after_crash_seconds"], 20.2);
  EXPECT_THAT(Finish({"explain"}).out, HasSubstr("takeover_after_break"));
}

TEST_F(HelpTest, ExplainKnowsHowLongALeaseOfEtcdStands) {
  const Ended explained =
      Finish({"explain", "--ttl", "20s", "--store", "etcd://127.0.0.1:1/locks", "-o", "json"});
  const auto json = nlohmann::json::parse(explained.out);
  EXPECT_EQ(json["store"], "etcd://127.0.0.1:1/locks");
  // Until etcd looks at its leases; then the wait for work that the next holder may not have seen.
  EXPECT_EQ(json["takeover_after_crash_seconds"], 20.7);
  EXPECT_EQ(json["takeover_after_break_seconds"], 16.4125);
  EXPECT_EQ(json["takeover_at_worst_seconds"], 58.3125);
  const Ended secret = Finish({"explain", "--store", "etcd://me:secret@127.0.0.1:1"});
  EXPECT_EQ(secret.code, 64);
  EXPECT_THAT(secret.out + secret.err, Not(HasSubstr("secret")));
}

TEST_F(HelpTest, EveryCommandHelpsWithExamples) {
  EXPECT_THAT(Finish({"--help"}).out, HasSubstr("Exit codes"));
  for (const std::string command :
       {"run", "elect", "acquire", "renew", "release", "status", "ls", "break", "create", "resize",
        "explain", "completion", "guard", "doctor"}) {
    const Ended help = Finish({command, "--help"});
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.out, HasSubstr("monopod " + command)) << command;
    EXPECT_EQ(help.err, "");
  }
  EXPECT_THAT(Finish({"version"}).out, HasSubstr("monopod 0."));
}

TEST_F(HelpTest, TheBashCompletionOffersCommandsFlagsAndLocks) {
  EXPECT_EQ(Finish({"acquire", "x"}).code, 0);
  const auto complete = [&](const std::string& words) {
    Process bash(
        {"bash", "-c",
         "PATH=$(dirname $MONOPOD):$PATH; source <($MONOPOD completion bash); COMP_WORDS=(" +
             words +
             "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _monopod; "
             "echo \"${COMPREPLY[@]}\""},
        {.environment = {{"MONOPOD_STORE", store()}, {"MONOPOD", MONOPOD_BINARY}}});
    EXPECT_EQ(bash.Wait(), 0) << bash.err();
    return bash.out();
  };
  EXPECT_THAT(complete("monopod re"), HasSubstr("renew"));
  EXPECT_THAT(complete("monopod run --no"), HasSubstr("--no-wait"));
  EXPECT_EQ(complete("monopod status ''"), "x\n");
  EXPECT_EQ(Finish({"completion", "fish"}).code, 0);
  EXPECT_EQ(Finish({"completion", "zsh"}).code, 0);
}

}  // namespace
}  // namespace monopod::testing
