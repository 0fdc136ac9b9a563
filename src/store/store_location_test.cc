#include "src/store/store_location.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "src/store/test_support.h"

namespace monopod::store {
namespace {

namespace fs = std::filesystem;

void ExpectRefused(const StoreLocation& location, ErrorCode code, const std::string& why) {
  const auto prepared = PrepareLocation(location);
  ASSERT_FALSE(prepared) << location.path;
  EXPECT_EQ(prepared.error().code, code) << prepared.error().message;
  EXPECT_NE(prepared.error().message.find(why), std::string::npos) << prepared.error().message;
}

TEST(StoreLocationTest, ANewFileInAFolderIsFine) {
  const TempFolder folder;
  const auto prepared = PrepareLocation({.path = folder.Path("locks.db")});
  ASSERT_TRUE(prepared) << prepared.error().message;
  EXPECT_EQ(*prepared, folder.Path("locks.db"));
  EXPECT_FALSE(fs::exists(folder.Path("locks.db")));
}

TEST(StoreLocationTest, ARelativePathBecomesAbsolute) {
  const TempFolder folder;
  EXPECT_TRUE(SucceedsInChild([&] {
    ASSERT_EQ(chdir(folder.path().c_str()), 0);
    const auto prepared = PrepareLocation({.path = "locks.db"});
    ASSERT_TRUE(prepared) << prepared.error().message;
    EXPECT_EQ(*prepared, folder.Path("locks.db"));
  }));
}

TEST(StoreLocationTest, NothingButAFileWillDo) {
  const TempFolder folder;
  ASSERT_EQ(mkfifo(folder.Path("pipe").c_str(), 0600), 0);
  ExpectRefused({.path = ""}, ErrorCode::kInvalidArgument, "needs the path of a file");
  ExpectRefused({.path = folder.path()}, ErrorCode::kInvalidArgument, "is a directory");
  ExpectRefused({.path = folder.path() + "/"}, ErrorCode::kInvalidArgument, "is a directory");
  ExpectRefused({.path = folder.Path("pipe")}, ErrorCode::kInvalidArgument,
                "is not a regular file");
}

TEST(StoreLocationTest, AMissingFolderIsNamed) {
  const TempFolder folder;
  ExpectRefused({.path = folder.Path("a/b/locks.db")}, ErrorCode::kInvalidArgument,
                folder.Path("a/b") + " does not exist");
  EXPECT_FALSE(fs::exists(folder.Path("a")));
}

TEST(StoreLocationTest, MissingFoldersAreMadeOnRequest) {
  const TempFolder folder;
  EXPECT_TRUE(PrepareLocation({.path = folder.Path("a/b/locks.db"), .create_parents = true}));
  EXPECT_TRUE(fs::is_directory(folder.Path("a/b")));
}

TEST(StoreLocationTest, AFileIsNoFolder) {
  const TempFolder folder;
  WriteFile(folder.Path("file"), "");
  ExpectRefused({.path = folder.Path("file/locks.db"), .create_parents = true},
                ErrorCode::kInvalidArgument, "is not a directory");
}

TEST(StoreLocationTest, MissingRightsAreDenied) {
  const TempFolder folder;
  for (const char* name : {"unwritable", "unreadable"}) WriteFile(folder.Path(name), "");
  for (const char* name : {"closed", "crowded"}) fs::create_directory(folder.Path(name));
  chmod(folder.path().c_str(), 0777);
  chmod(folder.Path("unwritable").c_str(), 0444);
  chmod(folder.Path("unreadable").c_str(), 0222);
  chmod(folder.Path("closed").c_str(), 0000);
  chmod(folder.Path("crowded").c_str(), 0555);
  EXPECT_TRUE(SucceedsInChild([&] {
    BecomeNobody();
    ExpectRefused({.path = folder.Path("unwritable")}, ErrorCode::kDenied, "cannot write");
    ExpectRefused({.path = folder.Path("unreadable")}, ErrorCode::kDenied, "cannot read");
    ExpectRefused({.path = folder.Path("closed/locks.db")}, ErrorCode::kDenied,
                  "cannot make files in");
    ExpectRefused({.path = folder.Path("crowded/locks.db")}, ErrorCode::kDenied,
                  "cannot make files in");
    ExpectRefused({.path = folder.Path("crowded/a/locks.db"), .create_parents = true},
                  ErrorCode::kDenied, "cannot make the directory");
  }));
}

TEST(StoreLocationTest, AReadOnlyFileSystemIsDenied) {
  const TempFolder folder;
  EXPECT_TRUE(SucceedsInChild([&] {
    EnterMountNamespace();
    MountTmpfs(folder.Path("mount"), "size=64k");
    ASSERT_EQ(mount("none", folder.Path("mount").c_str(), nullptr, MS_REMOUNT | MS_RDONLY, ""), 0)
        << strerror(errno);
    ExpectRefused({.path = folder.Path("mount/locks.db")}, ErrorCode::kDenied, "Read-only");
  }));
}

TEST(StoreLocationTest, NothingIsMadeOnAFuseMount) {
  const TempFolder folder;
  fs::create_directory(folder.Path("source"));
  EXPECT_TRUE(SucceedsInChild([&] {
    EnterMountNamespace();
    MountFuse(folder.Path("source"), folder.Path("mount"));
    ExpectRefused({.path = folder.Path("mount/locks.db")}, ErrorCode::kInvalidArgument, "FUSE");
    ExpectRefused({.path = folder.Path("mount/a/b/locks.db"), .create_parents = true},
                  ErrorCode::kInvalidArgument, "FUSE");
  }));
  EXPECT_TRUE(fs::is_empty(folder.Path("source")));
}

}  // namespace
}  // namespace monopod::store
