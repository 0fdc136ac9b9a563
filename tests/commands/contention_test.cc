// Many processes compete: exactly one works at a time.
#include "src/base/clock.h"
#include "tests/commands/fixture.h"

namespace monopod::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr int kContenders = 20;
constexpr int kRounds = 5;
constexpr const char* kShortWork = R"(sleep 0.05; echo "end $MONOPOD_TOKEN" >>"$DIR/log")";

class ContentionTest : public CommandTest {
 protected:
  void Compete(const Arguments& flags) {
    for (int round = 0; round < kRounds; ++round) {
      std::vector<Process> contenders;
      contenders.reserve(kContenders);
      for (int i = 0; i < kContenders; ++i) {
        contenders.push_back(Monopod(
            Words(Words({"run", "x", "--wait", "60s"}, flags),
                  {"--", "sh", "-c",
                   std::string("echo \"begin $MONOPOD_TOKEN\" >>\"$DIR/log\"\n") + kShortWork})));
      }
      for (Process& contender : contenders) {
        EXPECT_EQ(contender.Wait(), 0) << contender.err();
      }
    }
  }
};

TEST_F(ContentionTest, OneWorksAtATimeAndTokensStrictlyRise) {
  Compete({});
  const auto tokens = TokensBegun();
  ASSERT_EQ(tokens.size(), static_cast<std::size_t>(kContenders * kRounds));
  EXPECT_EQ(MostAtOnce(), 1);
  EXPECT_TRUE(std::ranges::is_sorted(tokens, std::less_equal<>())) << Log();
}

TEST_F(ContentionTest, WithThreeSlotsThreeAreReachedAndNeverExceeded) {
  Compete({"--slots", "3"});
  EXPECT_EQ(TokensBegun().size(), static_cast<std::size_t>(kContenders * kRounds));
  EXPECT_EQ(MostAtOnce(), 3);
}

TEST_F(ContentionTest, NoWaitSkipsALiveHolderWithTheCodeThatWasAskedFor) {
  Process holder = Run({}, "exec sleep 1000");
  ASSERT_TRUE(AwaitLog("begin"));
  const Ended busy = Finish({"run", "x", "--no-wait", "--", "true"});
  EXPECT_EQ(busy.code, 75);
  EXPECT_THAT(busy.err, HasSubstr("\"event\":\"skipped\""));
  EXPECT_EQ(Finish({"run", "x", "--no-wait", "-E", "0", "--", "true"}).code, 0);
  EXPECT_EQ(Finish({"run", "x", "--wait", "0s", "-E", "3", "--", "true"}).code, 3);
  holder.Signal(SIGTERM);
  EXPECT_EQ(holder.Wait(), 128 + SIGTERM);
  EXPECT_EQ(Finish({"run", "x", "--no-wait", "--", "true"}).code, 0);
}

TEST_F(ContentionTest, ASignalEndsAWaitAndLeavesTheHolderAlone) {
  Process holder = Run({}, "exec sleep 1000");
  ASSERT_TRUE(AwaitLog("begin"));
  for (const int signal : {SIGINT, SIGTERM}) {
    Process waiter = Run({}, "true");
    ASSERT_TRUE(waiter.AwaitErr("\"event\":\"waiting\""));
    waiter.Signal(signal);
    EXPECT_EQ(waiter.Wait(), 128 + signal);
  }
  EXPECT_THAT(Finish({"status", "x"}).out, HasSubstr("held"));
}

TEST_F(ContentionTest, AWaiterSaysWhoHoldsItAndSinceWhen) {
  Process holder = Run({"--holder", "web-0", "--purpose", "upgrade"}, "exec sleep 1000");
  ASSERT_TRUE(AwaitLog("begin"));
  Process waiter = Run({"--wait", "100ms"}, "true");
  EXPECT_EQ(waiter.Wait(), 75);
  EXPECT_THAT(waiter.err(), HasSubstr(R"("owner":{"name":"web-0","purpose":"upgrade","since":")"));
  EXPECT_THAT(waiter.err(), HasSubstr("scope: " + store_->Scope()));
}

}  // namespace
}  // namespace monopod::testing
