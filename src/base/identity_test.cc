#include "src/base/identity.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace monopod {
namespace {

TEST(IdentityTest, PodNameComesFromTheDownwardApi) {
  setenv("POD_NAME", "web-0", 1);
  setenv("POD_NAMESPACE", "prod", 1);
  setenv("NODE_NAME", "node-7", 1);
  const Identity identity = IdentityFromEnvironment();
  EXPECT_EQ(identity.name, "web-0");
  EXPECT_EQ(identity.namespace_, "prod");
  EXPECT_EQ(identity.node, "node-7");
}

TEST(IdentityTest, OutsideAPodTheHostNameIsTheHolder) {
  unsetenv("POD_NAME");
  unsetenv("POD_NAMESPACE");
  unsetenv("NODE_NAME");
  std::array<char, 256> host{};
  ASSERT_EQ(gethostname(host.data(), host.size() - 1), 0);
  EXPECT_EQ(IdentityFromEnvironment().name, host.data());
}

}  // namespace
}  // namespace monopod
