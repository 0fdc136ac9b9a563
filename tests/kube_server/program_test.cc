// kube-test-server, as benchmarks and scripts use it.
#include <csignal>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/process.h"

namespace monopod::testing {
namespace {

TEST(KubeTestServerTest, SaysWhereItIsAndEndsAtSigterm) {
  const TemporaryDirectory directory;
  const std::string file = directory.File("kubeconfig");
  Process server({MONOPOD_KUBE_TEST_SERVER, "--kubeconfig-out", file, "--fault", "delay-ms=1",
                  "--fault", "lost-reply=0"});
  ASSERT_TRUE(server.AwaitOut("https://127.0.0.1:")) << server.err();
  const auto config = nlohmann::json::parse(ReadFile(file));
  EXPECT_THAT(server.out(),
              ::testing::StartsWith(config["clusters"][0]["cluster"]["server"].get<std::string>()));
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
}

TEST(KubeTestServerTest, AnUnknownFaultIsRefused) {
  Process server({MONOPOD_KUBE_TEST_SERVER, "--fault", "gremlins=1"});
  EXPECT_EQ(server.Wait(), 64);
  EXPECT_THAT(server.err(), ::testing::HasSubstr("unknown fault gremlins=1"));
}

}  // namespace
}  // namespace monopod::testing
