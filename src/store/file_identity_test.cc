#include "src/store/file_identity.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "src/store/test_support.h"

namespace monopod::store {
namespace {

namespace fs = std::filesystem;

class FileIdentityTest : public testing::Test {
 protected:
  FileIdentityTest() {
    for (const std::string& path : {paths_.database, paths_.wal, paths_.shared_memory}) {
      WriteFile(path, "old");
    }
  }

  void Replace(const std::string& path) {
    WriteFile(folder_.Path("new"), "new");
    fs::rename(folder_.Path("new"), path);
  }

  TempFolder folder_;
  const StorePaths paths_{.database = folder_.Path("db"),
                          .wal = folder_.Path("db-wal"),
                          .shared_memory = folder_.Path("db-shm")};
};

TEST_F(FileIdentityTest, WritingIntoAFileKeepsItTheSame) {
  const auto files = StoreFiles::Capture(paths_);
  ASSERT_TRUE(files);
  WriteFile(paths_.database, "other contents");
  EXPECT_TRUE(files->CheckSame());
}

TEST_F(FileIdentityTest, EachOfTheThreeFilesIsMissedWhenItIsReplaced) {
  for (const std::string& path : {paths_.database, paths_.wal, paths_.shared_memory}) {
    const auto files = StoreFiles::Capture(paths_);
    ASSERT_TRUE(files);
    Replace(path);
    const auto same = files->CheckSame();
    ASSERT_FALSE(same) << path;
    EXPECT_EQ(same.error().code, ErrorCode::kStoreReplaced);
    EXPECT_NE(same.error().message.find(path + " was replaced"), std::string::npos)
        << same.error().message;
  }
}

TEST_F(FileIdentityTest, EachOfTheThreeFilesIsMissedWhenItIsRemoved) {
  for (const std::string& path : {paths_.database, paths_.wal, paths_.shared_memory}) {
    const auto files = StoreFiles::Capture(paths_);
    ASSERT_TRUE(files);
    fs::rename(path, folder_.Path("aside"));
    const auto same = files->CheckSame();
    ASSERT_FALSE(same) << path;
    EXPECT_EQ(same.error().code, ErrorCode::kStoreReplaced);
    fs::rename(folder_.Path("aside"), path);
  }
}

TEST_F(FileIdentityTest, ARedirectedLinkLeadsToAnotherFile) {
  WriteFile(folder_.Path("other"), "");
  fs::create_symlink(paths_.database, folder_.Path("link"));
  StorePaths through_link = paths_;
  through_link.database = folder_.Path("link");
  const auto files = StoreFiles::Capture(through_link);
  ASSERT_TRUE(files);
  EXPECT_TRUE(files->CheckSame());
  fs::remove(folder_.Path("link"));
  fs::create_symlink(folder_.Path("other"), folder_.Path("link"));
  EXPECT_EQ(files->CheckSame().error().code, ErrorCode::kStoreReplaced);
}

TEST_F(FileIdentityTest, AMissingFileCannotBeCaptured) {
  fs::remove(paths_.wal);
  const auto files = StoreFiles::Capture(paths_);
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().code, ErrorCode::kStoreReplaced);
}

}  // namespace
}  // namespace monopod::store
