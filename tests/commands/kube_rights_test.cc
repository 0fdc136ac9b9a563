// Users with few rights: what is enough for a lock, and what is said about a right that is missing.
#include "src/base/clock.h"
#include "tests/commands/kube_fixture.h"

namespace monopod::testing {
namespace {

using ::testing::HasSubstr;

// A user "pod" without any rights at first.
class KubeRightsTest : public KubeCommandTest, public ::testing::WithParamInterface<const char*> {
 protected:
  KubeRightsTest() : KubeCommandTest(GetParam()) {
    server_.AddUser({.name = "pod", .token = "pod-token", .rules = {}});
    LogInAs("pod");
  }
  // On the lock x alone.
  void Allow(const std::vector<std::string>& verbs) {
    server_.SetRules("pod", {{.verbs = verbs,
                              .resources = {resource()},
                              .resource_names = {"x"},
                              .name_space = "default"}});
  }
  void CreateAsAdministrator() const {
    LogInAs("admin");
    EXPECT_EQ(Finish({"create", "x"}).code, 0);
    LogInAs("pod");
  }
  std::string FullResource() const {
    return resource() + (kind_ == "lease" ? ".coordination.k8s.io" : "");
  }
  std::string RuleBegin() const {
    return std::string("- apiGroups: [\"") + (kind_ == "lease" ? "coordination.k8s.io" : "") +
           "\"]\n  resources: [\"" + resource() + "\"]\n";
  }

  // The command is denied, names the call, and prints what grants it.
  void ExpectDenied(const Arguments& command, const std::string& call,
                    const std::string& rest_of_rule) const {
    const Ended ended = Finish(Words({"--log-format", "text"}, command));
    EXPECT_EQ(ended.code, 77) << ended.err;
    EXPECT_EQ(ended.out, "");
    EXPECT_THAT(ended.err, HasSubstr("not allowed to " + call));
    EXPECT_THAT(ended.err, HasSubstr(RuleBegin() + rest_of_rule));
  }
  std::string OnX(const std::string& verb) const {
    return verb + " " + FullResource() + " \"x\" in the namespace \"default\"";
  }
  const Arguments run_it_ = {"run", "x", "--", "echo", "never"};
  const std::string rights_on_x_ =
      "  resourceNames: [\"x\"]\n  verbs: [\"get\", \"update\", \"watch\"]";
};

TEST_P(KubeRightsTest, AMissingGetIsNamed) {
  ExpectDenied(run_it_, OnX("get"), rights_on_x_);
  ExpectDenied({"status", "x"}, OnX("get"), rights_on_x_);
}

TEST_P(KubeRightsTest, AMissingUpdateIsNamed) {
  CreateAsAdministrator();
  Allow({"get", "watch"});
  ExpectDenied(run_it_, OnX("update"), rights_on_x_);
  EXPECT_EQ(Finish({"status", "x"}).code, 0);
}

TEST_P(KubeRightsTest, AMissingCreateIsNamedAndSoIsTheWayAroundIt) {
  Allow({"get", "update", "watch"});
  ExpectDenied(run_it_, OnX("create"), "  verbs: [\"create\"]");
  EXPECT_THAT(Finish({"--log-format", "text", "run", "x", "--", "true"}).err,
              HasSubstr("`monopod create`"));
}

TEST_P(KubeRightsTest, AMissingListIsNamed) {
  Allow({"get", "update", "watch"});
  ExpectDenied({"ls"}, "list " + FullResource() + " in the namespace \"default\"",
               "  verbs: [\"list\"]");
  const Ended all = Finish({"--log-format", "text", "ls", "-A"});
  EXPECT_EQ(all.code, 77);
  EXPECT_THAT(all.err, HasSubstr("list " + FullResource() + " in all namespaces"));
  EXPECT_THAT(all.err, HasSubstr("a rule of a ClusterRole:\n" + RuleBegin()));
}

TEST_P(KubeRightsTest, AnotherNamespaceNeedsItsOwnRights) {
  CreateAsAdministrator();
  Allow({"get", "update", "watch"});
  ExpectDenied({"run", "x", "-n", "kube-system", "--", "echo", "never"},
               "get " + FullResource() + " \"x\" in the namespace \"kube-system\"", rights_on_x_);
}

// What deploy/ grants.
TEST_P(KubeRightsTest, GetUpdateAndWatchOnOneObjectAreEnough) {
  CreateAsAdministrator();
  Allow({"get", "update", "watch"});
  Process holder = StartHolder({}, kUntilDone);
  Process waiter = StartWaiter({});
  EXPECT_EQ(Finish({"status", "x"}).code, 0);
  ASSERT_TRUE(Eventually([&] { return server_.watches().open >= 2; }));
  LetItEnd();
  EXPECT_EQ(holder.Wait(), 0) << holder.err();
  EXPECT_EQ(waiter.Wait(), 0) << waiter.err();
  ExpectNoOverlap();
  EXPECT_EQ(server_.Count({.status = 403}), 0);
}

TEST_P(KubeRightsTest, WithoutWatchWaitersLookNowAndThen) {
  CreateAsAdministrator();
  Allow({"get", "update"});
  Process holder = StartHolder({}, kUntilDone);
  Process waiter = StartWaiter({});
  ASSERT_TRUE(Eventually([&] { return server_.Count({.verb = "watch", .status = 403}) > 0; }));
  LetItEnd();
  EXPECT_EQ(holder.Wait(), 0) << holder.err();
  EXPECT_EQ(waiter.Wait(), 0) << waiter.err();
  ExpectNoOverlap();
  EXPECT_EQ(server_.watches().maximum, 0);
  EXPECT_LE(server_.Count({.verb = "watch"}), 4) << "it asks for what it was denied";
}

INSTANTIATE_TEST_SUITE_P(Kinds, KubeRightsTest, ::testing::Values("configmap", "lease"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace monopod::testing
