// The tests on a cluster that is not their own (`./dev test --kubeconfig`): they need few rights,
// keep to one namespace, and leave nothing, also when they are killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/kube_server.h"
#include "tests/support/process.h"

namespace monopod::testing {
namespace {

using ::testing::HasSubstr;

// What kube_cluster.h asks for.
KubeUser Tester() {
  return {.name = "tester",
          .token = "t0ken",
          .rules = {{.verbs = {"get", "list", "watch", "create", "update", "patch", "delete"},
                     .resources = {"configmaps", "leases"},
                     .resource_names = {},
                     .name_space = "tests"}},
          .admin = false};
}

class KubeClusterRunTest : public ::testing::Test {
 protected:
  KubeClusterRunTest() {
    WriteFile(directory_.File("kubeconfig"), server_.Kubeconfig("tester"));
    // Somebody's own, which is no business of the tests.
    server_.Put("/api/v1/namespaces/tests/configmaps/mine",
                {{"metadata", {{"labels", {{"app.kubernetes.io/managed-by", "monopod"}}}}}});
  }
  Process Start(const std::vector<std::string>& command) const {
    return Process(command,
                   {.environment = {{"MONOPOD_TEST_KUBECONFIG", directory_.File("kubeconfig")},
                                    {"MONOPOD_TEST_NAMESPACE", "tests"},
                                    {"MONOPOD_TEST_RUN", "run-1"}}});
  }
  std::vector<std::string> Locks() {
    std::vector<std::string> names;
    for (const char* path : {"/api/v1/configmaps", "/apis/coordination.k8s.io/v1/leases"}) {
      const auto list = nlohmann::json::parse(server_.Send("GET", path).body);
      for (const auto& item : list["items"]) {
        names.push_back(item["metadata"]["namespace"].get<std::string>() + "/" +
                        item["metadata"]["name"].get<std::string>());
      }
    }
    return names;
  }

  const TemporaryDirectory directory_;
  KubeServer server_{{.users = {Tester()}, .namespaces = {"default", "tests"}}};
};

TEST_F(KubeClusterRunTest, TheContractOfRecordsLeavesNothing) {
  Process tests = Start({MONOPOD_RECORD_TESTS, "--gtest_filter=Lease/*Field*:ConfigMap/*Field*"});
  EXPECT_EQ(tests.Wait(), 0) << tests.out() << tests.err();
  EXPECT_GT(server_.Count({.verb = "create", .resource = "leases", .status = 201}), 0);
  EXPECT_GT(server_.Count({.verb = "delete", .resource = "configmaps", .status = 200}), 0);
  EXPECT_EQ(server_.Count({.status = 403}), 0);
  EXPECT_THAT(Locks(), ::testing::ElementsAre("tests/mine"));
}

TEST_F(KubeClusterRunTest, WhatAKilledTestLeftIsSwept) {
  Process tests = Start({MONOPOD_RECORD_TESTS, "--gtest_filter=Lease/*NoConcurrentUpdateIsLost*",
                         "--gtest_repeat=1000"});
  ASSERT_TRUE(Eventually(
      [&] { return server_.Count({.verb = "update", .resource = "leases", .status = 200}) > 0; }));
  tests.Signal(SIGKILL);
  tests.Wait();
  EXPECT_EQ(Locks().size(), 2U);
  Process sweep = Start({MONOPOD_SWEEP});
  EXPECT_EQ(sweep.Wait(), 0) << sweep.err();
  EXPECT_THAT(sweep.out(), HasSubstr("1 objects of killed tests removed"));
  EXPECT_THAT(Locks(), ::testing::ElementsAre("tests/mine"));
}

TEST_F(KubeClusterRunTest, WithoutRightsItSaysWhatMayBeLeft) {
  server_.SetRules("tester", {});
  Process sweep = Start({MONOPOD_SWEEP});
  EXPECT_EQ(sweep.Wait(), 1);
  EXPECT_THAT(sweep.err(), HasSubstr("run-1-* may be left in the namespace tests"));
}

}  // namespace
}  // namespace monopod::testing
