// Others work on a lock's object while it is held and waited for: people with kubectl, controllers
// that annotate everything, hand-written scripts, electors of client-go.
#include <signal.h>

#include <atomic>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "src/base/clock.h"
#include "src/base/wait.h"
#include "tests/commands/kube_fixture.h"

namespace monopod::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;
using Json = nlohmann::json;

constexpr const char* kDeaf = R"(trap '' TERM; while :; do sleep 0.1; done)";
constexpr const char* kTime = "20..-..-..T..:..:..\\.......Z";

// Does something again and again, until it is gone.
class Busybody {
 public:
  Busybody(std::chrono::milliseconds every, std::function<void(int)> act)
      : thread_([this, every, act = std::move(act)](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            act(acts_);
            ++acts_;
            WaitUntil(BootClock::now() + every, stop);
          }
        }) {}
  int acts() const { return acts_; }
  bool AwaitActs(int more) const {
    const int before = acts_;
    return Eventually([&] { return acts_ >= before + more; });
  }

 private:
  std::atomic<int> acts_ = 0;
  std::jthread thread_;
};

class KubeTamperingTest : public KubeCommandTest,
                          public ::testing::WithParamInterface<const char*> {
 protected:
  KubeTamperingTest() : KubeCommandTest(GetParam()) {}

  Json Object() const { return server_.Get(PathOf("x")); }
  auto Annotate() {
    return [this](int number) {
      server_.Patch(PathOf("x"),
                    {{"metadata", {{"annotations", {{"example.com/n", std::to_string(number)}}}}}});
    };
  }
  double ExplainedSeconds(const std::string& key) const {
    const Ended explained = Finish({"explain", "--ttl", short_ttl(), "-o", "json"});
    return Json::parse(explained.out)[key].get<double>();
  }
};

TEST_P(KubeTamperingTest, AnObjectThatIsAnnotatedAllTheTimeChangesHandsInTime) {
  Process holder = StartHolder({"--ttl", short_ttl()}, kDeaf);
  Process waiter = StartWaiter({"--ttl", short_ttl()});
  const Busybody annotator(100ms, Annotate());
  // The holder lives with it.
  ASSERT_TRUE(AwaitWrites(3)) << holder.err();
  holder.Signal(SIGKILL);
  const BootTime killed = BootClock::now();
  const int before = annotator.acts();
  EXPECT_EQ(waiter.Wait(), 0) << waiter.err();
  const std::chrono::duration<double> took = BootClock::now() - killed;
  // A safety deadline of the product: what `explain` promised, and the time of a shell to start.
  EXPECT_LT(took.count(), ExplainedSeconds("takeover_after_crash_seconds") + 1.0);
  EXPECT_GT(annotator.acts(), before + 5);
  EXPECT_THAT(waiter.err(), HasSubstr("\"event\":\"taken-over\""));
  ExpectNoOverlap();
  EXPECT_EQ(TokensBegun().size(), 2U);
  EXPECT_TRUE(Object()["metadata"]["annotations"].contains("example.com/n"));
}

TEST_P(KubeTamperingTest, ADeletedObjectEndsTheHoldAndWhoSawItWaits) {
  Process holder = StartHolder({"--ttl", short_ttl()}, kDeaf);
  Process waiter = StartWaiter({"--ttl", short_ttl()});
  ASSERT_TRUE(server_.Delete(PathOf("x")));
  EXPECT_EQ(holder.Wait(), 122) << holder.err();
  EXPECT_THAT(holder.err(), HasSubstr("\"event\":\"lost\""));
  EXPECT_EQ(waiter.Wait(), 0) << waiter.err();
  EXPECT_THAT(waiter.err(), HasSubstr("\"event\":\"recovering\""));
  ExpectNoOverlap();
  const auto tokens = TokensBegun();
  ASSERT_EQ(tokens.size(), 2U);
  EXPECT_LT(tokens[0], tokens[1]);
}

// Put back from a backup, say: what it tells is long over.
TEST_P(KubeTamperingTest, AnOldObjectPutBackEndsTheHold) {
  ASSERT_EQ(Finish({"run", "x", "--ttl", short_ttl(), "--", "true"}).code, 0);
  Json old = Object();
  old["metadata"].erase("resourceVersion");
  Process holder = StartHolder({"--ttl", short_ttl()}, kDeaf);
  server_.Put(PathOf("x"), old);
  EXPECT_EQ(holder.Wait(), 122) << holder.err();
  Process next = Run({"--ttl", short_ttl()}, "true");
  EXPECT_EQ(next.Wait(), 0) << next.err();
  ExpectNoOverlap();
}

TEST_P(KubeTamperingTest, ABrokenFieldIsNamedAndNotOverwritten) {
  ASSERT_EQ(Finish({"run", "x", "--ttl", short_ttl(), "--", "true"}).code, 0);
  const bool lease = kind_ == "lease";
  const Json nonsense = lease
                            ? Json{{"metadata", {{"annotations", {{"monopod.dev/phase", "busy"}}}}}}
                            : Json{{"data", {{"lock_phase", "busy"}}}};
  const Json before = server_.Patch(PathOf("x"), nonsense);
  const Ended refused = Finish({"run", "x", "--ttl", short_ttl(), "--", "echo", "never"});
  EXPECT_EQ(refused.code, 64) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("default/x"));
  EXPECT_THAT(refused.err,
              HasSubstr(lease ? "metadata.annotations.monopod.dev/phase" : "data.lock_phase"));
  EXPECT_EQ(refused.out, "");
  EXPECT_EQ(Object(), before);
}

INSTANTIATE_TEST_SUITE_P(Kinds, KubeTamperingTest, ::testing::Values("configmap", "lease"),
                         [](const auto& instance) { return std::string(instance.param); });

class KubeConfigMapTest : public KubeCommandTest {
 protected:
  // As a script leaves it with `kubectl create configmap x --from-literal=lock_holder=...`.
  void PutHandWritten() {
    server_.Put(
        PathOf("x"),
        {{"apiVersion", "v1"},
         {"kind", "ConfigMap"},
         {"metadata", {{"name", "x"}}},
         {"data", {{"lock_holder", "deploy-job"}, {"lock_timestamp", "2026-11-21T08:00:00Z"}}}});
  }
  Json Data() const { return server_.Get(PathOf("x"))["data"]; }
};

TEST_F(KubeConfigMapTest, PeopleCanReadIt) {
  Process holder = StartHolder({"--ttl", "5s", "--purpose", "nightly report"}, kUntilDone);
  Json data = Data();
  EXPECT_EQ(data["lock_holder"], "first");
  EXPECT_EQ(data["lock_purpose"], "nightly report");
  EXPECT_EQ(data["lock_ttl_seconds"], "5");
  EXPECT_EQ(data["lock_phase"], "held");
  EXPECT_THAT(data["lock_acquired"].get<std::string>(), MatchesRegex(kTime));
  EXPECT_THAT(data["lock_timestamp"].get<std::string>(), MatchesRegex(kTime));
  const Json labels = server_.Get(PathOf("x"))["metadata"]["labels"];
  EXPECT_EQ(labels["app.kubernetes.io/managed-by"], "monopod");
  EXPECT_EQ(labels["monopod.dev/lock"], "x");
  LetItEnd();
  EXPECT_EQ(holder.Wait(), 0) << holder.err();
  data = Data();
  EXPECT_EQ(data["lock_holder"], "");
  EXPECT_EQ(data["lock_phase"], "free");
  EXPECT_THAT(data["lock_released"].get<std::string>(), MatchesRegex(kTime));
}

TEST_F(KubeConfigMapTest, AHandWrittenLockHoldsUntilItIsBroken) {
  PutHandWritten();
  const Ended busy = Finish({"run", "x", "--no-wait", "--", "echo", "never"});
  EXPECT_EQ(busy.code, 75) << busy.err;
  EXPECT_THAT(busy.err, HasSubstr("deploy-job"));
  EXPECT_EQ(busy.out, "");
  EXPECT_EQ(Data()["lock_holder"], "deploy-job");
  const Json slot = Json::parse(Finish({"status", "x", "-o", "json"}).out)["slot"][0];
  EXPECT_EQ(slot["holder"], "deploy-job");
  EXPECT_EQ(slot["foreign"], true);
  EXPECT_EQ(slot["renewed"], "2026-11-21T08:00:00.000000Z");
  const std::string token = slot["token"].dump();
  const Ended broken = Finish({"break", "x", "--token", token, "--reason", "it is over"});
  EXPECT_EQ(broken.code, 0) << broken.err;
  EXPECT_EQ(Finish({"run", "x", "--no-wait", "--", "true"}).code, 0);
}

TEST_F(KubeConfigMapTest, AHandWrittenLockHoldsUntilItWasSilentForTheForeignTtl) {
  PutHandWritten();
  const BootTime begun = BootClock::now();
  Process waiter = Run({"--ttl", "2s", "--foreign-ttl", "2s"}, "true");
  EXPECT_EQ(waiter.Wait(), 0) << waiter.err();
  EXPECT_GE(BootClock::now() - begun, 2s);
  EXPECT_THAT(waiter.err(), HasSubstr("\"event\":\"taken-over\""));
}

TEST_F(KubeConfigMapTest, ABrokenObjectDoesNotHideTheOtherLocks) {
  for (const std::string lock : {"good", "broken"}) EXPECT_EQ(Finish({"create", lock}).code, 0);
  server_.Patch(PathOf("broken"), {{"data", {{"lock_format", "many"}}}});
  const Ended listed = Finish({"ls", "-A", "-o", "name"});
  EXPECT_EQ(listed.code, 64);
  EXPECT_EQ(listed.out, "default/good\n");
  EXPECT_THAT(listed.err, HasSubstr("the ConfigMap default/broken: data.lock_format"));
}

TEST_F(KubeConfigMapTest, AHandWrittenReleaseIsSeen) {
  PutHandWritten();
  Process waiter = StartWaiter({"--ttl", "2s"});
  server_.Patch(PathOf("x"), {{"data", {{"lock_holder", ""}}}});
  EXPECT_EQ(waiter.Wait(), 0) << waiter.err();
}

class KubeLeaseTest : public KubeCommandTest {
 protected:
  KubeLeaseTest() : KubeCommandTest("lease") {}

  // An elector's write: it holds from the first on, and renews by the others.
  void Renew() {
    const std::string now = FormatWallTime(WallNow());
    Json lease = server_.Get(PathOf("x"));
    if (lease.is_null()) {
      lease = {{"apiVersion", "coordination.k8s.io/v1"},
               {"kind", "Lease"},
               {"metadata", {{"name", "x"}}},
               {"spec",
                {{"holderIdentity", "elector-1"},
                 {"leaseDurationSeconds", 3},
                 {"acquireTime", now},
                 {"leaseTransitions", 1}}}};
    }
    lease["spec"]["renewTime"] = now;
    server_.Put(PathOf("x"), lease);
  }
};

TEST_F(KubeLeaseTest, PeopleCanReadIt) {
  Process holder = StartHolder({"--ttl", "7s", "--purpose", "nightly report"}, kUntilDone);
  Json lease = server_.Get(PathOf("x"));
  EXPECT_THAT(lease["spec"]["holderIdentity"].get<std::string>(), StartsWith("first_"));
  EXPECT_EQ(lease["spec"]["leaseDurationSeconds"], 7);
  EXPECT_THAT(lease["spec"]["acquireTime"].get<std::string>(), MatchesRegex(kTime));
  EXPECT_THAT(lease["spec"]["renewTime"].get<std::string>(), MatchesRegex(kTime));
  EXPECT_EQ(lease["metadata"]["annotations"]["monopod.dev/holder"], "first");
  EXPECT_EQ(lease["metadata"]["annotations"]["monopod.dev/purpose"], "nightly report");
  EXPECT_EQ(lease["metadata"]["labels"]["app.kubernetes.io/managed-by"], "monopod");
  LetItEnd();
  EXPECT_EQ(holder.Wait(), 0) << holder.err();
  lease = server_.Get(PathOf("x"));
  EXPECT_EQ(lease["spec"]["holderIdentity"], "");
}

TEST_F(KubeLeaseTest, AnElectorThatRenewsExcludesUsAndOneThatIsSilentDoesNot) {
  Renew();
  std::atomic<BootTime> last = BootClock::now();
  std::optional<Busybody> elector;
  elector.emplace(500ms, [&](int) {
    Renew();
    last = BootClock::now();
  });
  Process waiter = StartWaiter({"--ttl", "7s"});
  EXPECT_THAT(waiter.err(), HasSubstr("elector-1"));
  // For longer than its lease.
  ASSERT_TRUE(elector->AwaitActs(10));
  EXPECT_EQ(Log(), "");
  elector.reset();
  EXPECT_TRUE(AwaitLog("begin")) << waiter.err();
  EXPECT_GE(BootClock::now() - last.load(), 3s);
  EXPECT_EQ(waiter.Wait(), 0) << waiter.err();
  EXPECT_THAT(waiter.err(), HasSubstr("\"event\":\"taken-over\""));
}

// It can be that of another one, which was paused and blanks a hold that is not its own: the lease
// that was seen is waited out.
TEST_F(KubeLeaseTest, AfterAnElectorsReleaseItsLeaseIsWaitedOut) {
  Renew();
  Process waiter = StartWaiter({"--ttl", "7s", "--foreign-ttl", "3s"});
  server_.Patch(PathOf("x"), {{"spec", {{"holderIdentity", ""}, {"leaseDurationSeconds", 1}}}});
  EXPECT_EQ(waiter.Wait(), 0) << waiter.err();
}

}  // namespace
}  // namespace monopod::testing
