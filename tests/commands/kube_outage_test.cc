// The API server fails under a holder, or no longer accepts it.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>

#include "src/base/clock.h"
#include "tests/commands/kube_fixture.h"

namespace monopod::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr const char* kStubborn =
    R"(trap 'echo term >>"$DIR/log"' TERM; while :; do sleep 0.1; done)";

class KubeOutageTest : public KubeCommandTest {
 protected:
  using KubeCommandTest::KubeCommandTest;

  // The holder renews as before, and the next one comes after it.
  void ExpectSurvival(Process& holder, Process& waiter) const {
    EXPECT_TRUE(AwaitWrites(4)) << holder.err();
    LetItEnd();
    EXPECT_EQ(holder.Wait(), 0) << holder.err();
    EXPECT_EQ(waiter.Wait(), 0) << waiter.err();
    ExpectNoOverlap();
    EXPECT_EQ(TokensBegun().size(), 2U);
  }

  // No process of any work is left.
  bool WorkIsDead() const {
    const int fd = open(directory_.File("alive").c_str(), O_RDWR | O_CLOEXEC);
    const bool dead = flock(fd, LOCK_EX | LOCK_NB) == 0;
    close(fd);
    return dead;
  }
  // After the server has gone: told to stop at 0.6 of 5 s, dead at 0.8, from the last proof, which
  // was sent before. The kernel and the shell may take their time, of which a quarter of a second
  // is the product's.
  void ExpectStoppedInTime(Process& holder, BootTime gone) const {
    const auto until = [&](auto after) { return gone + after - BootClock::now(); };
    EXPECT_TRUE(Eventually([&] { return Log().find("term") != std::string::npos; }, until(3500ms)));
    EXPECT_TRUE(Eventually([&] { return WorkIsDead(); }, until(4250ms)));
    EXPECT_EQ(holder.Wait(), 122) << holder.err();
    EXPECT_THAT(holder.err(), HasSubstr("\"event\":\"lost\""));
  }
  // Who comes when all is well again takes over.
  void ExpectNextTakesOver() const {
    Process next = Run({"--ttl", "5s"}, "true");
    EXPECT_EQ(next.Wait(), 0) << next.err();
    ExpectNoOverlap();
  }
};

TEST_F(KubeOutageTest, AHoldSurvivesARestart) {
  Process holder = StartHolder({"--ttl", "4s"}, kUntilDone);
  Process waiter = StartWaiter({"--ttl", "4s"});
  server_.Restart();
  ExpectSurvival(holder, waiter);
}

TEST_F(KubeOutageTest, AHoldSurvivesConnectionsThatGoDead) {
  Process holder = StartHolder({"--ttl", "5s"}, kUntilDone);
  Process waiter = StartWaiter({"--ttl", "5s"});
  server_.SilenceConnections();
  ExpectSurvival(holder, waiter);
}

TEST_F(KubeOutageTest, AHolderWhoseServerDiesIsStoppedInTime) {
  Process holder = StartHolder({"--ttl", "5s"}, kStubborn);
  const BootTime gone = BootClock::now();
  server_.Stop();
  ExpectStoppedInTime(holder, gone);
  EXPECT_THAT(holder.err(), HasSubstr(server_.url()));
  server_.Start();
  ExpectNextTakesOver();
}

TEST_F(KubeOutageTest, AHolderWhoseServerHangsIsStoppedInTime) {
  Process holder = StartHolder({"--ttl", "5s"}, kStubborn);
  const BootTime gone = BootClock::now();
  server_.Freeze();
  ExpectStoppedInTime(holder, gone);
  // What the holder sent meanwhile lands now.
  server_.Thaw();
  ExpectNextTakesOver();
}

TEST_F(KubeOutageTest, AStormIsSurvivedWithinTheTenure) {
  Process holder = StartHolder({"--ttl", "10s", "--renew-every", "1s"}, kUntilDone);
  Process waiter = StartWaiter({"--ttl", "10s"});
  server_.ResetCounts();
  server_.SetFaults({.too_many_requests = 1, .retry_after = 1s, .times = 3});
  ExpectSurvival(holder, waiter);
  EXPECT_EQ(server_.Count({.status = 429}), 3) << "nobody was refused: there was no storm";
}

// Retry-After is for those who can wait; a hold cannot for more than three seconds.
TEST_F(KubeOutageTest, AServerThatAsksForMorePatienceThanTheTenureHasDoesNotEndIt) {
  Process holder = StartHolder({"--ttl", "15s", "--renew-every", "1s"}, kUntilDone);
  server_.SetFaults({.too_many_requests = 1, .retry_after = 60s, .times = 1});
  ASSERT_TRUE(Eventually([&] { return server_.Count({.status = 429}) == 1; })) << holder.err();
  EXPECT_TRUE(AwaitWrites(2)) << holder.err();
  LetItEnd();
  EXPECT_EQ(holder.Wait(), 0) << holder.err();
}

TEST_F(KubeOutageTest, AStormThatOutlastsTheTenureStopsTheWorkInTime) {
  Process holder = StartHolder({"--ttl", "5s"}, kStubborn);
  const BootTime gone = BootClock::now();
  server_.SetFaults({.too_many_requests = 1, .retry_after = 1s});
  ExpectStoppedInTime(holder, gone);
  // Refused again and again, it does not ask more often than it was told to.
  EXPECT_GE(server_.Count({.status = 429}), 2);
  EXPECT_LE(server_.Count({.status = 429}), 10);
  server_.ClearFaults();
  ExpectNextTakesOver();
}

// Two tokens of one administrator, as a kubelet hands them out one after the other.
class KubeTokenTest : public KubeOutageTest {
 protected:
  explicit KubeTokenTest(std::string kind) : KubeOutageTest(std::move(kind)) {
    server_.AddUser({.name = "early", .token = "early-token", .rules = {}, .admin = true});
    server_.AddUser({.name = "later", .token = "later-token", .rules = {}, .admin = true});
    WriteFile(directory_.File("token"), "early-token\n");
    LogIn({.url = server_.url(),
           .authority = server_.ca_file(),
           .user = "{tokenFile: " + directory_.File("token") + "}"});
  }
  // In one step, as a kubelet does.
  void ReplaceTheFile() const {
    WriteFile(directory_.File("token.new"), "later-token\n");
    std::filesystem::rename(directory_.File("token.new"), directory_.File("token"));
  }
  void RefuseTheOldToken() { server_.SetToken("early", "unknown"); }

  void ExpectAHoldSurvivesAReplacedFile(const std::string& ttl) {
    Process holder = StartHolder({"--ttl", ttl}, kUntilDone);
    Process waiter = StartWaiter({"--ttl", ttl});
    ReplaceTheFile();
    RefuseTheOldToken();
    ExpectSurvival(holder, waiter);
  }
};

class KubeConfigMapTokenTest : public KubeTokenTest {
 protected:
  KubeConfigMapTokenTest() : KubeTokenTest("configmap") {}
};
class KubeLeaseTokenTest : public KubeTokenTest {
 protected:
  KubeLeaseTokenTest() : KubeTokenTest("lease") {}
};

TEST_F(KubeConfigMapTokenTest, AHoldSurvivesAReplacedFile) {
  ExpectAHoldSurvivesAReplacedFile("3s");
}

TEST_F(KubeLeaseTokenTest, AHoldSurvivesAReplacedFile) { ExpectAHoldSurvivesAReplacedFile("7s"); }

TEST_F(KubeConfigMapTokenTest, AHoldSurvivesAFileThatIsReplacedLate) {
  Process holder = StartHolder({"--ttl", "8s", "--renew-every", "1s"}, kUntilDone);
  RefuseTheOldToken();
  ASSERT_TRUE(Eventually([&] {
    return server_.Count({.verb = "update", .resource = "configmaps", .status = 401}) > 0;
  })) << holder.err();
  ReplaceTheFile();
  EXPECT_TRUE(AwaitWrites(3)) << holder.err();
  LetItEnd();
  EXPECT_EQ(holder.Wait(), 0) << holder.err();
}

TEST_F(KubeConfigMapTokenTest, AHolderWhoseTokenIsRefusedIsStoppedInTime) {
  Process holder = StartHolder({"--ttl", "5s"}, kStubborn);
  const BootTime gone = BootClock::now();
  RefuseTheOldToken();
  ExpectStoppedInTime(holder, gone);
  EXPECT_THAT(holder.err(), HasSubstr("does not accept the credentials"));
}

}  // namespace
}  // namespace monopod::testing
