// `monopod elect` in Kubernetes: on a Lease, and with the label of the leader's pod.
#include <signal.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/kube_server.h"
#include "tests/support/process.h"

namespace monopod::testing {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;
using Arguments = std::vector<std::string>;

constexpr const char* kPod = "/api/v1/namespaces/default/pods/web-0";
constexpr const char* kLease = "/apis/coordination.k8s.io/v1/namespaces/default/leases/x";

class ElectKubeTest : public ::testing::Test {
 protected:
  ElectKubeTest() { PutPod(Json::object()); }

  void PutPod(const Json& labels) {
    server_.Put(kPod,
                {{"apiVersion", "v1"},
                 {"kind", "Pod"},
                 {"metadata", {{"name", "web-0"}, {"namespace", "default"}, {"labels", labels}}},
                 {"spec", {{"containers", {{{"name", "a"}, {"image", "a"}}}}}}});
  }
  std::string Label() const {
    const Json pod = server_.Get(kPod);
    return pod["metadata"].value("labels", Json::object()).value("monopod.dev/leader", "");
  }
  bool AwaitLabel(const std::string& value) const {
    return Eventually([&] { return Label() == value; });
  }
  std::string Log() const { return ReadFile(directory_.File("log")); }

  Process Elect(const std::string& pod, const Arguments& arguments,
                const std::string& store = "sqlite") const {
    Arguments argv = {MONOPOD_BINARY, "elect", "x"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return Process(
        argv, {.environment = {
                   {"MONOPOD_STORE", store == "sqlite" ? "sqlite:" + directory_.File("db") : store},
                   {"KUBECONFIG", kubeconfig_},
                   {"DIR", directory_.path()},
                   {"POD_NAME", pod},
                   {"POD_NAMESPACE", "default"}}});
  }

  const TemporaryDirectory directory_;
  KubeServer server_;
  std::string kubeconfig_ = server_.kubeconfig_file();
};

TEST_F(ElectKubeTest, OnALeaseOneLeadsAndSigtermHandsOver) {
  const Arguments lead = {
      "--ttl", "7s", "--", "sh", "-c", "echo lead $MONOPOD_HOLDER >>\"$DIR/log\"; exec sleep 1000"};
  Process first = Elect("web-0", lead, "lease:default");
  ASSERT_TRUE(Eventually([&] { return Log() == "lead web-0\n"; })) << first.err();
  EXPECT_THAT(server_.Get(kLease)["spec"]["holderIdentity"].get<std::string>(), HasSubstr("web-0"));
  Process second = Elect("web-1", lead, "lease:default");
  ASSERT_TRUE(second.AwaitErr("\"event\":\"waiting\"")) << second.err();
  first.Signal(SIGTERM);
  EXPECT_EQ(first.Wait(), 128 + SIGTERM) << first.err();
  EXPECT_TRUE(Eventually([&] { return Log() == "lead web-0\nlead web-1\n"; })) << second.err();
  EXPECT_THAT(server_.Get(kLease)["spec"]["holderIdentity"].get<std::string>(), HasSubstr("web-1"));
}

TEST_F(ElectKubeTest, TheLeadersPodHasTheLabelWhileItLeads) {
  Process leader = Elect("web-0", {"--label-pod", "--", "sleep", "1000"});
  EXPECT_TRUE(AwaitLabel("true")) << leader.err();
  leader.Signal(SIGTERM);
  EXPECT_EQ(leader.Wait(), 128 + SIGTERM) << leader.err();
  EXPECT_EQ(Label(), "");
}

TEST_F(ElectKubeTest, TheLabelIsTakenOffBeforeTheLockIsGivenBack) {
  Process leader =
      Elect("web-0", {"--label-pod", "--on-stop", "touch \"$DIR/stopping\"; sleep 1000",
                      "--hook-timeout", "1m", "--", "sleep", "1000"});
  EXPECT_TRUE(AwaitLabel("true")) << leader.err();
  leader.Signal(SIGTERM);
  ASSERT_TRUE(Eventually([&] { return std::filesystem::exists(directory_.File("stopping")); }));
  EXPECT_EQ(Label(), "") << "and the lock is still held";
}

TEST_F(ElectKubeTest, ALabelOfAnEarlierLifeIsTakenOffAtTheStart) {
  PutPod({{"monopod.dev/leader", "true"}, {"app", "web"}});
  Process leader = Elect("web-1", {"--", "sleep", "1000"});
  ASSERT_TRUE(leader.AwaitErr("\"event\":\"acquired\"")) << leader.err();
  Process candidate = Elect("web-0", {"--label-pod", "--", "sleep", "1000"});
  ASSERT_TRUE(candidate.AwaitErr("\"event\":\"waiting\"")) << candidate.err();
  EXPECT_EQ(Label(), "");
  EXPECT_EQ(server_.Get(kPod)["metadata"]["labels"]["app"], "web");
}

TEST_F(ElectKubeTest, ALabelThatCannotBeTakenOffAtTheStartIsTakenOffWhileItWaits) {
  PutPod({{"monopod.dev/leader", "true"}});
  Process leader = Elect("web-1", {"--", "sleep", "1000"});
  ASSERT_TRUE(leader.AwaitErr("\"event\":\"acquired\"")) << leader.err();
  server_.SetFaults({.unavailable = 1});
  Process candidate = Elect("web-0", {"--label-pod", "--", "sleep", "1000"});
  ASSERT_TRUE(candidate.AwaitErr("\"event\":\"waiting\"")) << candidate.err();
  EXPECT_EQ(Label(), "true");
  server_.ClearFaults();
  EXPECT_TRUE(AwaitLabel("")) << candidate.err();
}

TEST_F(ElectKubeTest, AMissingRightIsToldAtTheStart) {
  server_.AddUser({.name = "poor", .token = "t", .rules = {}});
  WriteFile(directory_.File("poor"), server_.Kubeconfig("poor"));
  kubeconfig_ = directory_.File("poor");
  Process candidate = Elect("web-0", {"--label-pod", "--", "touch", directory_.File("ran")});
  EXPECT_EQ(candidate.Wait(), 77) << candidate.err();
  EXPECT_THAT(candidate.err(), HasSubstr("resources: [pods], verbs: [patch]"));
  EXPECT_FALSE(std::filesystem::exists(directory_.File("ran")));
}

TEST_F(ElectKubeTest, AnUnknownPodIsToldAtTheStart) {
  Process candidate = Elect("web-9", {"--label-pod", "--", "true"});
  EXPECT_EQ(candidate.Wait(), 66) << candidate.err();
  EXPECT_THAT(candidate.err(), HasSubstr("check POD_NAME"));
}

}  // namespace
}  // namespace monopod::testing
