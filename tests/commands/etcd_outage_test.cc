// etcd fails under a holder: it is stopped, restarted, loses its leader, or has no room.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "tests/commands/fixture.h"
#include "tests/support/etcd_server.h"

namespace monopod::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr const char* kUntilDone = R"(while [ ! -e "$DIR/done" ]; do sleep 0.1; done)";
constexpr const char* kStubborn =
    R"(trap 'echo term >>"$DIR/log"' TERM; while :; do sleep 0.1; done)";

template <class Servers>
class OutageTest : public CommandTest {
 protected:
  explicit OutageTest(const EtcdOptions& options = {}) : servers_(options) {}
  std::string store() const override { return servers_.Url(); }

  // Starts a holder and waits until its work has begun.
  Process StartHolder(const std::string& ttl, const std::string& work) const {
    Process holder = Run({"--ttl", ttl, "--holder", "first"}, work);
    EXPECT_TRUE(AwaitLog("begin")) << holder.err();
    return holder;
  }
  Process StartWaiter(const std::string& ttl) const {
    Process waiter = Run({"--ttl", ttl}, "true");
    EXPECT_TRUE(waiter.AwaitErr("\"event\":\"waiting\"")) << waiter.err();
    return waiter;
  }
  void LetItEnd() const { WriteFile(directory_.File("done"), ""); }

  // No process of any work is left.
  bool WorkIsDead() const {
    const int fd = open(directory_.File("alive").c_str(), O_RDWR | O_CLOEXEC);
    const bool dead = flock(fd, LOCK_EX | LOCK_NB) == 0;
    close(fd);
    return dead;
  }
  static void Await(BootTime moment) {
    ASSERT_TRUE(Eventually([&] { return BootClock::now() >= moment; }));
  }

  Servers servers_;
};

class EtcdOutageTest : public OutageTest<EtcdServer> {
 protected:
  // After etcd has gone: told to stop at 0.6 of 5 s, dead at 0.8, from the last proof, which was
  // sent before. The kernel and the shell may take their time, of which a quarter of a second is
  // the product's.
  void ExpectStoppedInTime(Process& holder, BootTime gone) const {
    const auto until = [&](auto after) { return gone + after - BootClock::now(); };
    EXPECT_TRUE(Eventually([&] { return Log().find("term") != std::string::npos; }, until(3500ms)));
    EXPECT_TRUE(Eventually([&] { return WorkIsDead(); }, until(4250ms)));
    EXPECT_EQ(holder.Wait(), 122) << holder.err();
    EXPECT_THAT(holder.err(), HasSubstr("\"event\":\"lost\""));
    EXPECT_THAT(holder.err(), HasSubstr(servers_.endpoint()));
  }
};

TEST_F(EtcdOutageTest, AHolderWhoseEtcdDiesIsStoppedInTime) {
  Process holder = StartHolder("5s", kStubborn);
  const BootTime gone = BootClock::now();
  servers_.Kill();
  ExpectStoppedInTime(holder, gone);
}

TEST_F(EtcdOutageTest, AHolderWhoseEtcdHangsIsStoppedInTime) {
  Process holder = StartHolder("5s", kStubborn);
  const BootTime gone = BootClock::now();
  servers_.Pause();
  ExpectStoppedInTime(holder, gone);
  // Its claim ends with its lease, and somebody else goes on.
  servers_.Resume();
  Process next = Run({"--ttl", "2s"}, "true");
  EXPECT_EQ(next.Wait(), 0) << next.err();
  ExpectNoOverlap();
}

TEST_F(EtcdOutageTest, AHoldSurvivesARestart) {
  Process holder = StartHolder("10s", kUntilDone);
  Process waiter = StartWaiter("10s");
  const BootTime gone = BootClock::now();
  servers_.Kill();
  servers_.Start();
  // Without a renewal since, it would have been lost by then.
  Await(gone + 7s);
  LetItEnd();
  EXPECT_EQ(holder.Wait(), 0) << holder.err();
  EXPECT_EQ(waiter.Wait(), 0) << waiter.err();
  ExpectNoOverlap();
}

using EtcdLeaderTest = OutageTest<EtcdCluster>;

TEST_F(EtcdLeaderTest, AHoldSurvivesTheDeathOfTheLeader) {
  Process holder = StartHolder("6s", kUntilDone);
  Process waiter = StartWaiter("6s");
  const BootTime gone = BootClock::now();
  servers_.member(servers_.Leader()).Kill();
  Await(gone + 5s);
  LetItEnd();
  EXPECT_EQ(holder.Wait(), 0) << holder.err();
  EXPECT_EQ(waiter.Wait(), 0) << waiter.err();
  ExpectNoOverlap();
}

// A leader that stood still for longer than the TTL, and does not know that it was deposed, revokes
// leases that have long been renewed.
TEST_F(EtcdLeaderTest, ALeaderThatFreezesAndComesBackLetsNobodyOverlap) {
  Process holder = StartHolder("3s", kUntilDone);
  Process waiter = StartWaiter("3s");
  for (int round = 0; round < 3; ++round) {
    EtcdServer& leader = servers_.member(servers_.Leader());
    leader.Pause();
    Await(BootClock::now() + 4s);
    leader.Resume();
    leader.AwaitHealthy();
  }
  LetItEnd();
  EXPECT_THAT(holder.Wait(), AnyOf(0, 122)) << holder.err();
  EXPECT_EQ(waiter.Wait(), 0) << waiter.err();
  ExpectNoOverlap();
  EXPECT_EQ(TokensBegun().size(), 2U);
}

class EtcdFullTest : public OutageTest<EtcdServer> {
 protected:
  EtcdFullTest() : OutageTest({.flags = {"--quota-backend-bytes=4194304"}}) {}

  // Until the alarm is raised.
  void Fill() const {
    Process fill({"sh", "-c",
                  "i=0; while head -c 700000 /dev/zero | tr '\\0' a | etcdctl --endpoints=" +
                      servers_.endpoint() + " put fill$i; do i=$((i + 1)); done"});
    EXPECT_EQ(fill.Wait(), 0) << fill.err();
    EXPECT_THAT(fill.err(), HasSubstr("database space exceeded"));
    EXPECT_THAT(Etcdctl(servers_.endpoint(), {"alarm", "list"}), HasSubstr("NOSPACE"));
  }
  std::string RevisionNow() const {
    const std::string fields = Etcdctl(servers_.endpoint(), {"get", "fill0", "-w", "fields"});
    const std::size_t at = fields.find("\"Revision\" : ") + 13;
    return fields.substr(at, fields.find('\n', at) - at);
  }
  std::string KeysOfLocks() const {
    return Etcdctl(servers_.endpoint(), {"get", "--prefix", "--keys-only", "monopod/"});
  }
};

TEST_F(EtcdFullTest, AHoldEndsInTimeAndItsReleaseLeavesNothing) {
  Process holder = StartHolder("4s", kStubborn);
  Fill();
  const Ended refused =
      Finish({"run", "y", "--ttl", "4s", "--store-timeout", "1s", "--", "echo", "never"});
  EXPECT_EQ(refused.code, 69) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("database space exceeded"));
  EXPECT_THAT(refused.err, HasSubstr(servers_.endpoint()));
  EXPECT_EQ(refused.out, "");
  EXPECT_EQ(holder.Wait(), 122) << holder.err();
  EXPECT_THAT(holder.err(), HasSubstr("database space exceeded"));
  EXPECT_EQ(KeysOfLocks(), "");
}

TEST_F(EtcdFullTest, AHoldThatIsReleasedLeavesNothing) {
  Process holder = StartHolder("60s", kUntilDone);
  Fill();
  LetItEnd();
  EXPECT_EQ(holder.Wait(), 0) << holder.err();
  EXPECT_EQ(KeysOfLocks(), "");
}

TEST_F(EtcdFullTest, AWaiterDoesNotOverlap) {
  Process holder = StartHolder("3s", kStubborn);
  Process waiter = Run({"--ttl", "3s", "--wait", "20s"}, "true");
  EXPECT_TRUE(waiter.AwaitErr("\"event\":\"waiting\"")) << waiter.err();
  Fill();
  EXPECT_EQ(holder.Wait(), 122) << holder.err();
  Etcdctl(servers_.endpoint(), {"del", "--prefix", "fill"});
  Etcdctl(servers_.endpoint(), {"compact", RevisionNow()});
  Etcdctl(servers_.endpoint(), {"defrag"});
  Etcdctl(servers_.endpoint(), {"alarm", "disarm"});
  EXPECT_THAT(waiter.Wait(), AnyOf(0, 75)) << waiter.err();
  ExpectNoOverlap();
  Process next = Run({"--ttl", "3s"}, "true");
  EXPECT_EQ(next.Wait(), 0) << next.err();
  ExpectNoOverlap();
}

}  // namespace
}  // namespace monopod::testing
