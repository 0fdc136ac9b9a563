// acquire, renew, release; create, resize, ls.
#include <nlohmann/json.hpp>

#include "tests/commands/fixture.h"

namespace monopod::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class HandleTest : public CommandTest {
 protected:
  std::string Acquire(const Arguments& flags = {}) const {
    const Ended acquired = Finish(Words({"acquire", "x"}, flags));
    EXPECT_EQ(acquired.code, 0) << acquired.err;
    return acquired.out.substr(0, acquired.out.find('\n'));
  }
};

TEST_F(HandleTest, StdoutIsTheHandleAndNothingElse) {
  const Ended acquired = Finish({"acquire", "x"});
  EXPECT_THAT(acquired.out, MatchesRegex(LockName("x") + ":0:[0-9]+:[0-9a-f]+\n"));
  const Ended busy = Finish({"acquire", "x", "--no-wait"});
  EXPECT_EQ(busy.code, 75);
  EXPECT_EQ(busy.out, "");
}

TEST_F(HandleTest, TheHandleRenewsAndReleasesOnce) {
  const std::string handle = Acquire();
  EXPECT_EQ(Finish({"renew", handle}).code, 0);
  EXPECT_EQ(Finish({"release", handle}).code, 0);
  EXPECT_EQ(Finish({"renew", handle}).code, 76);
  EXPECT_EQ(Finish({"release", handle}).code, 76);
}

TEST_F(HandleTest, AStrangersHandleIsRefusedAndStatusDoesNotShowTheSecret) {
  const std::string handle = Acquire({"--sticky"});
  std::string stranger = handle;
  stranger.back() = stranger.back() == '0' ? '1' : '0';
  const Ended refused = Finish({"release", stranger});
  EXPECT_EQ(refused.code, 76);
  EXPECT_THAT(refused.err, HasSubstr("holds it now"));
  const std::string secret = handle.substr(handle.rfind(':') + 1);
  for (const std::string format : {"table", "wide", "json", "yaml"}) {
    EXPECT_THAT(Finish({"status", "x", "-o", format}).out, Not(HasSubstr(secret)));
  }
  EXPECT_EQ(Finish({"release", handle}).code, 0);
}

TEST_F(HandleTest, AnAcquiredLockThatIsNotRenewedGoesStale) {
  Acquire({"--ttl", ttl(), "--holder", "script"});
  Process next = Run({"--ttl", ttl()}, "true");
  EXPECT_EQ(next.Wait(), 0) << next.err();
  EXPECT_THAT(next.err(), HasSubstr("\"event\":\"stale\""));
}

TEST_F(HandleTest, AHandleThatCannotBePrintedIsGivenBack) {
  Process full(
      Words(Words({"sh", "-c", "\"$@\" >/dev/full", "sh"}, Program()), {"acquire", LockName("x")}),
      InEnvironment());
  EXPECT_EQ(full.Wait(), 70);
  EXPECT_TRUE(IsFree("x"));
}

TEST_F(HandleTest, CreateAndResizeFixHowManyMayHold) {
  EXPECT_EQ(Finish({"create", "x", "--slots", "2"}).code, 0);
  EXPECT_EQ(Finish({"create", "x", "--slots", "2"}).code, 0);
  EXPECT_EQ(Finish({"create", "x", "--slots", "3"}).code, 64);
  const std::string first = Acquire();
  const std::string second = Acquire();
  EXPECT_EQ(Finish({"acquire", "x", "--no-wait"}).code, 75);
  EXPECT_EQ(Finish({"resize", "x", "--slots", "1", "--wait", "0s"}).code, 75);
  EXPECT_EQ(Finish({"release", first}).code, 0);
  EXPECT_EQ(Finish({"release", second}).code, 0);
  EXPECT_EQ(Finish({"resize", "x", "--slots", "1"}).code, 0);
  EXPECT_THAT(Finish({"ls"}).out, HasSubstr("1/1"));
  EXPECT_EQ(Finish({"resize", "x.never-used", "--slots", "1"}).code, 66);
}

TEST_F(HandleTest, EveryFormatShowsTheSame) {
  Acquire({"--holder", "web-0", "--purpose", "upgrade"});
  EXPECT_THAT(Finish({"status", "x"}).out, HasSubstr("LOCK"));
  EXPECT_THAT(Finish({"status", "x", "-o", "wide"}).out, HasSubstr("upgrade"));
  EXPECT_EQ(nlohmann::json::parse(Finish({"status", "x", "-o", "json"}).out)["slot"][0]["holder"],
            "web-0");
  EXPECT_THAT(Finish({"status", "x", "-o", "yaml"}).out, HasSubstr("holder: \"web-0\""));
  // Others may have locks there, too.
  for (const std::string list : {"ls", "status"}) {
    EXPECT_THAT(Finish({list, "-o", "name"}).out, ContainsRegex("(^|\n)" + LockName("x") + "\n"));
  }
}

}  // namespace
}  // namespace monopod::testing
