// Somebody works on etcd by hand while locks are held and waited for.
#include <signal.h>

#include "tests/commands/fixture.h"
#include "tests/support/etcd_server.h"

namespace monopod::testing {
namespace {

using ::testing::HasSubstr;

class EtcdTamperingTest : public CommandTest {
 protected:
  std::string store() const override { return server_.Url(); }

  // A holder whose work ignores TERM, so that only KILL ends it, and one who waits for it.
  Process StartHolder() const {
    Process holder =
        Run({"--ttl", "4s", "--holder", "first"}, "trap '' TERM; while :; do sleep 0.1; done");
    EXPECT_TRUE(AwaitLog("begin")) << holder.err();
    return holder;
  }
  Process StartWaiter() const {
    Process waiter = Run({"--ttl", "4s"}, "true");
    EXPECT_TRUE(waiter.AwaitErr("\"event\":\"waiting\"")) << waiter.err();
    return waiter;
  }
  std::string By(std::vector<std::string> arguments) const {
    return Etcdctl(server_.endpoint(), std::move(arguments));
  }
  // The only one.
  std::string OwnKey() const {
    const std::string keys = By({"get", "--prefix", "--keys-only", "monopod/locks/x/"});
    return keys.substr(0, keys.find('\n'));
  }
  void ExpectStoppedBeforeTheNext(Process& holder, Process& waiter) const {
    EXPECT_EQ(holder.Wait(), 122) << holder.err();
    EXPECT_EQ(waiter.Wait(), 0) << waiter.err();
    ExpectNoOverlap();
    EXPECT_EQ(TokensBegun().size(), 2U);
  }

  const EtcdServer server_;
};

TEST_F(EtcdTamperingTest, ARevokedLeaseEndsTheHoldAndIsWaitedOut) {
  Process holder = StartHolder();
  const std::string key = OwnKey();
  const std::size_t at = key.find('~') + 1;
  Process waiter = StartWaiter();
  By({"lease", "revoke", key.substr(at, key.find('-', at) - at)});
  // Noticed, not waited for.
  EXPECT_TRUE(holder.AwaitErr("its key is gone: the lease expired or was revoked"));
  EXPECT_TRUE(waiter.AwaitErr("\"event\":\"recovering\"")) << waiter.err();
  ExpectStoppedBeforeTheNext(holder, waiter);
}

TEST_F(EtcdTamperingTest, ADeletedKeyEndsTheHoldAndIsWaitedOut) {
  Process holder = StartHolder();
  const std::string key = OwnKey();
  Process waiter = StartWaiter();
  By({"del", key});
  EXPECT_TRUE(holder.AwaitErr("somebody deleted the key"));
  EXPECT_TRUE(waiter.AwaitErr("\"event\":\"recovering\"")) << waiter.err();
  ExpectStoppedBeforeTheNext(holder, waiter);
}

TEST_F(EtcdTamperingTest, ADeletedPrefixEndsTheHoldAndWhoSawItWaits) {
  Process holder = StartHolder();
  Process waiter = StartWaiter();
  By({"del", "--prefix", "monopod/"});
  EXPECT_TRUE(holder.AwaitErr("its keys are gone: somebody deleted them"));
  ExpectStoppedBeforeTheNext(holder, waiter);
}

TEST_F(EtcdTamperingTest, ADeletedQueueIsNoticedByWhoComesLater) {
  Process holder = StartHolder();
  By({"del", "--prefix", "monopod/locks/x/"});
  Process next = Run({"--ttl", "4s"}, "true");
  ExpectStoppedBeforeTheNext(holder, next);
}

TEST_F(EtcdTamperingTest, CompactionDoesNotDisturbAWaiter) {
  Process holder = Run({"--holder", "first"}, "exec sleep 1000");
  ASSERT_TRUE(AwaitLog("begin"));
  Process waiter = StartWaiter();
  for (int i = 0; i < 20; ++i) By({"put", "other", std::to_string(i)});
  const std::string status = By({"get", "other", "-w", "fields"});
  const std::size_t at = status.find("\"Revision\" : ") + 13;
  By({"compact", status.substr(at, status.find('\n', at) - at)});
  holder.Signal(SIGTERM);
  EXPECT_EQ(holder.Wait(), 128 + SIGTERM) << holder.err();
  EXPECT_EQ(waiter.Wait(), 0) << waiter.err();
  EXPECT_THAT(waiter.err(), HasSubstr("\"event\":\"acquired\""));
}

}  // namespace
}  // namespace monopod::testing
