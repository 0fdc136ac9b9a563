#include "src/store/file_system.h"

#include <gtest/gtest.h>
#include <linux/magic.h>

#include "src/store/test_support.h"

namespace monopod::store {
namespace {

TEST(FileSystemTest, NetworkAndFuseTypesAreNamed) {
  EXPECT_EQ(UntrustedFileSystem(NFS_SUPER_MAGIC), "NFS");
  EXPECT_EQ(UntrustedFileSystem(SMB_SUPER_MAGIC), "SMB");
  EXPECT_EQ(UntrustedFileSystem(CIFS_SUPER_MAGIC), "CIFS");
  EXPECT_EQ(UntrustedFileSystem(SMB2_SUPER_MAGIC), "SMB2");
  EXPECT_EQ(UntrustedFileSystem(AFS_SUPER_MAGIC), "AFS");
  EXPECT_EQ(UntrustedFileSystem(AFS_FS_MAGIC), "AFS");
  EXPECT_EQ(UntrustedFileSystem(CODA_SUPER_MAGIC), "Coda");
  EXPECT_EQ(UntrustedFileSystem(CEPH_SUPER_MAGIC), "Ceph");
  EXPECT_EQ(UntrustedFileSystem(FUSE_SUPER_MAGIC), "FUSE");
  EXPECT_EQ(UntrustedFileSystem(V9FS_MAGIC), "9P");
  EXPECT_EQ(UntrustedFileSystem(OCFS2_SUPER_MAGIC), "OCFS2");
  EXPECT_EQ(UntrustedFileSystem(NCP_SUPER_MAGIC), "NCP");
  EXPECT_EQ(UntrustedFileSystem(HOSTFS_SUPER_MAGIC), "HostFS");
  EXPECT_EQ(UntrustedFileSystem(0x01161970), "GFS2");
  EXPECT_EQ(UntrustedFileSystem(0x0BD00BD0), "Lustre");
  EXPECT_EQ(UntrustedFileSystem(0x47504653), "GPFS");
  EXPECT_EQ(UntrustedFileSystem(0x19830326), "BeeGFS");
  EXPECT_EQ(UntrustedFileSystem(0x20030528), "OrangeFS");
  EXPECT_EQ(UntrustedFileSystem(0x786F4256), "VirtualBox shared folder");
}

TEST(FileSystemTest, LocalAndUnknownTypesAreAllowed) {
  constexpr std::uint32_t kTrusted[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,       BTRFS_SUPER_MAGIC,
                                        TMPFS_MAGIC,      OVERLAYFS_SUPER_MAGIC, 0x12345678};
  for (const std::uint32_t type : kTrusted) EXPECT_EQ(UntrustedFileSystem(type), "") << type;
}

TEST(FileSystemTest, TmpfsIsAllowed) {
  const TempFolder folder;
  EXPECT_TRUE(SucceedsInChild([&] {
    EnterMountNamespace();
    MountTmpfs(folder.Path("mount"), "size=64k");
    EXPECT_TRUE(CheckFileSystem(folder.Path("mount")));
  }));
}

TEST(FileSystemTest, ARealFuseMountIsRefusedByName) {
  const TempFolder folder;
  EXPECT_TRUE(SucceedsInChild([&] {
    EnterMountNamespace();
    MountFuse(folder.path(), folder.Path("mount"));
    const auto checked = CheckFileSystem(folder.Path("mount"));
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(checked.error().message.find("FUSE"), std::string::npos) << checked.error().message;
  }));
}

TEST(FileSystemTest, WhatCannotBeFoundOutIsAnError) {
  const TempFolder folder;
  const auto checked = CheckFileSystem(folder.Path("missing"));
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace monopod::store
