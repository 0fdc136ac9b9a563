// Commands whose surroundings fail them: signals at a bad moment, readers that went away, no
// standard descriptors, no threads left, a store that is slow.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>

#include "tests/commands/fixture.h"

namespace monopod::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

class SurroundingsTest : public CommandTest {
 protected:
  // Fills the pipe that `process` logs to, so that it stops at its next line until it is read.
  static void FillLogOf(const Process& process) {
    const std::string path = "/proc/" + std::to_string(process.pid()) + "/fd/2";
    const int pipe = open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    ASSERT_GE(pipe, 0);
    const std::string filler(4096, '\n');
    for (std::size_t size = filler.size(); size > 0; size /= 2) {
      while (write(pipe, filler.data(), size) > 0) {
      }
    }
    close(pipe);
  }

  std::string Status() const { return Finish({"status", "x"}).out; }
  bool AwaitStatus(const std::string& text) const {
    return Eventually([&] { return Status().find(text) != std::string::npos; });
  }

  // A waiter that has got the lock and cannot go on, since nobody reads its log.
  Process RunUntilAcquired(const Arguments& flags) const {
    const std::size_t begun = TokensBegun().size();
    Process holder = Run({}, "exec sleep 1000");
    EXPECT_TRUE(Eventually([&] { return TokensBegun().size() > begun; }));
    Process waiter = Run(Words({"--holder", "stuck"}, flags), "true");
    EXPECT_TRUE(waiter.AwaitErr("\"event\":\"waiting\""));
    FillLogOf(waiter);
    holder.Signal(SIGTERM);
    EXPECT_EQ(holder.Wait(), 128 + SIGTERM) << holder.err();
    EXPECT_TRUE(AwaitStatus("stuck"));
    return waiter;
  }
};

// Standard output or error, as `descriptor` says, becomes a pipe that nobody reads.
void CloseReader(int descriptor) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0 || dup2(ends[1], descriptor) < 0) _exit(99);
  close(ends[0]);
  close(ends[1]);
  signal(SIGPIPE, SIG_DFL);
}

TEST_F(SurroundingsTest, ASignalBetweenAcquisitionAndStartIsObeyed) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Process waiter = RunUntilAcquired({});
    waiter.Signal(signal);
    EXPECT_EQ(waiter.Wait(), 128 + signal) << waiter.err();
    EXPECT_THAT(waiter.err(), HasSubstr("\"event\":\"acquired\""));
    EXPECT_THAT(Status(), HasSubstr("free"));
  }
  EXPECT_EQ(TokensBegun().size(), 2U) << "only the holders' commands were started";
}

TEST_F(SurroundingsTest, NothingIsStartedUnderALockThatWasLostMeanwhile) {
  Process waiter = RunUntilAcquired({"--ttl", "2s"});
  EXPECT_TRUE(AwaitStatus("expired"));
  EXPECT_EQ(waiter.Wait(), 122) << waiter.err();
  EXPECT_EQ(TokensBegun().size(), 1U);
}

TEST_F(SurroundingsTest, AHandleThatNobodyReadsIsGivenBack) {
  Process acquire =
      Monopod({"acquire", "x", "--sticky"}, {.before_exec = [] { CloseReader(STDOUT_FILENO); }});
  EXPECT_EQ(acquire.Wait(), 70) << acquire.err();
  EXPECT_THAT(acquire.err(), HasSubstr("cannot write to stdout"));
  EXPECT_THAT(Status(), HasSubstr("free"));
}

TEST_F(SurroundingsTest, ALogThatNobodyReadsDoesNotEndTheSupervision) {
  // What is left behind is logged, also under -q.
  Process process = Run({"-q"}, "setsid sleep 1000 & exit 5",
                        {.before_exec = [] { CloseReader(STDERR_FILENO); }});
  EXPECT_EQ(process.Wait(), 5);
  EXPECT_THAT(Status(), HasSubstr("free"));
  // Only monopod itself ignores the signal.
  EXPECT_EQ(Finish({"run", "x", "--", "sh", "-c", "kill -PIPE $$"}).code, 128 + SIGPIPE);
}

TEST_F(SurroundingsTest, ClosedStandardDescriptorsAreNotReused) {
  Process process =
      Run({}, R"(for i in 0 1 2; do test -e /proc/$$/fd/$i && echo "open $i" >>"$DIR/log"; done
exec sleep 1000)",
          {.before_exec = [] {
            for (const int standard : {0, 1, 2}) close(standard);
          }});
  ASSERT_TRUE(AwaitLog("open 2"));
  for (const std::string standard : {"0", "1", "2"}) {
    EXPECT_THAT(Log(), HasSubstr("open " + standard));
    const std::string link = "/proc/" + std::to_string(process.pid()) + "/fd/" + standard;
    EXPECT_EQ(std::filesystem::read_symlink(link), "/dev/null");
  }
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 128 + SIGTERM);
  Process check({"sqlite3", directory_.File("locks.db"), "PRAGMA integrity_check"});
  EXPECT_EQ(check.Wait(), 0) << check.err();
  EXPECT_EQ(check.out(), "ok\n");
  EXPECT_THAT(Status(), HasSubstr("free"));
}

TEST_F(SurroundingsTest, WithoutAThreadToKeepItTheLockIsGivenBack) {
  ASSERT_EQ(chmod(directory_.path().c_str(), 0777), 0);
  // A user of this test's own, for all processes and threads of a user count.
  const auto user = static_cast<uid_t>(200'000 + getpid());
  const std::string binary = BinaryForEveryone();
  std::string errors;
  int code = -1;
  for (rlim_t most = 2; code != 0 && most < 16; ++most) {
    Process process({binary, "run", "x", "--store", store(), "--", "echo", "started"},
                    {.before_exec = [user, most] {
                      const rlimit limit{.rlim_cur = most, .rlim_max = most};
                      if (setrlimit(RLIMIT_NPROC, &limit) != 0 || setuid(user) != 0) _exit(99);
                    }});
    code = process.Wait();
    if (code == 0) break;
    EXPECT_THAT(code, AnyOf(69, 126)) << process.err();
    EXPECT_EQ(process.out(), "");
    EXPECT_THAT(process.err(), HasSubstr("Resource temporarily unavailable"));
    EXPECT_THAT(Status(), Not(HasSubstr("held")));
    errors += process.err();
  }
  EXPECT_EQ(code, 0) << errors;
  EXPECT_THAT(errors, HasSubstr("cannot start a thread to keep the lock"));
}

TEST_F(SurroundingsTest, AReleaseThatTakesLongIsNoLoss) {
  ASSERT_EQ(mkfifo(directory_.File("go").c_str(), 0600), 0);
  Process process = Run({"--ttl", "2s"}, R"(read line <"$DIR/go"; echo end >>"$DIR/log")");
  ASSERT_TRUE(AwaitLog("begin"));
  // Another program keeps the store busy from the end of the work until after the time at which
  // unfinished work would have been stopped.
  const std::string hold =
      ".shell echo busy; echo >" + directory_.File("go") + "; read line <" + directory_.File("go");
  Process writer({"sqlite3", directory_.File("locks.db"), ".timeout 5000", "BEGIN IMMEDIATE", hold,
                  "ROLLBACK"});
  ASSERT_TRUE(AwaitLog("end"));
  EXPECT_FALSE(process.AwaitErr("\"event\":\"lost\"", 1500ms));
  WriteFile(directory_.File("go"), "\n");
  EXPECT_EQ(writer.Wait(), 0) << writer.err();
  EXPECT_EQ(process.Wait(), 0) << process.err();
  EXPECT_THAT(process.err(), HasSubstr("\"event\":\"released\""));
  EXPECT_THAT(process.err(), Not(HasSubstr("\"event\":\"lost\"")));
}

TEST_F(SurroundingsTest, TimesThatWereBrokenByHandAreNoObstacle) {
  ASSERT_EQ(Finish({"acquire", "x", "--sticky"}).code, 0);
  for (const std::string time :
       {"yesterday", "2026-13-45T99:99:99Z", "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z"}) {
    Process edit({"sqlite3", directory_.File("locks.db"),
                  fmt::format("UPDATE locks SET acquired = '{0}', renewed = '{0}'", time)});
    ASSERT_EQ(edit.Wait(), 0) << edit.err();
    EXPECT_THAT(Finish({"status", "x", "-o", "json"}).out, HasSubstr(R"("acquired": "")")) << time;
    EXPECT_EQ(Finish({"status", "x", "-o", "wide"}).code, 0) << time;
    EXPECT_EQ(Finish({"run", "x", "--no-wait", "--log-format", "text", "--", "true"}).code, 75)
        << time;
  }
}

}  // namespace
}  // namespace monopod::testing
