#include "src/supervise/cgroup.h"

#include <gtest/gtest.h>

namespace monopod::supervise {
namespace {

TEST(CgroupTest, UnifiedLayout) {
  EXPECT_EQ(OwnCgroupDirectory({.mountinfo = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - "
                                             "cgroup2 cgroup2 rw,nsdelegate\n",
                                .cgroup = "0::/user.slice/session-1.scope\n"}),
            "/sys/fs/cgroup/user.slice/session-1.scope");
}

TEST(CgroupTest, HybridLayout) {
  EXPECT_EQ(OwnCgroupDirectory(
                {.mountinfo = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
                              "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                              "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
                 .cgroup = "4:memory:/some/where\n0::/here\n"}),
            "/sys/fs/cgroup/unified/here");
}

TEST(CgroupTest, InACgroupNamespaceOwnPathIsTheRoot) {
  EXPECT_EQ(OwnCgroupDirectory({.mountinfo = "30 23 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
                                .cgroup = "0::/\n"}),
            "/sys/fs/cgroup");
}

TEST(CgroupTest, APartOfTheHierarchyMounted) {
  const CgroupFiles files{.mountinfo = "30 23 0:26 /pods/a /cg rw - cgroup2 cgroup rw\n",
                          .cgroup = "0::/pods/a/container\n"};
  EXPECT_EQ(OwnCgroupDirectory(files), "/cg/container");
}

TEST(CgroupTest, AMountThatDoesNotShowTheOwnCgroupIsNotUsed) {
  EXPECT_EQ(OwnCgroupDirectory({.mountinfo = "30 23 0:26 /pods/a /cg rw - cgroup2 cgroup rw\n",
                                .cgroup = "0::/pods/ab\n"}),
            std::nullopt);
}

TEST(CgroupTest, EscapedMountPoint) {
  EXPECT_EQ(OwnCgroupDirectory({.mountinfo = "30 23 0:26 / /a\\040b\\134 rw - cgroup2 none rw\n",
                                .cgroup = "0::/c\n"}),
            "/a b\\/c");
}

TEST(CgroupTest, NoVersion2) {
  const char* const mountinfo = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
  EXPECT_EQ(OwnCgroupDirectory({.mountinfo = mountinfo, .cgroup = "4:memory:/x\n"}), std::nullopt);
  EXPECT_EQ(OwnCgroupDirectory({.mountinfo = mountinfo, .cgroup = "0::/x\n"}), std::nullopt);
  EXPECT_EQ(OwnCgroupDirectory({.mountinfo = "", .cgroup = ""}), std::nullopt);
}

}  // namespace
}  // namespace monopod::supervise
