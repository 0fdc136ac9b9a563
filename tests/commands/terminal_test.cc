// `monopod run` on a terminal: who has it, Ctrl-C, Ctrl-Z, the live line.
#include "tests/commands/fixture.h"

namespace monopod::testing {
namespace {

using ::testing::HasSubstr;

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
  EXPECT_TRUE(Eventually([&] { return IsFree("x"); }));
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
