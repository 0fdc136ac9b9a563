// The file that keeps the locks fails under a holder: deleted, replaced, no room.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "tests/commands/fixture.h"

namespace monopod::testing {
namespace {

using ::testing::HasSubstr;

class FileOutageTest : public CommandTest {
 protected:
  Process StartHolder() const {
    Process holder = Run({"--ttl", "2s"}, "trap '' TERM; while :; do sleep 1000; done");
    EXPECT_TRUE(AwaitLog("begin"));
    return holder;
  }
};

TEST_F(FileOutageTest, AHolderWhoseStoreIsDeletedStopsItsWorkAndSaysSo) {
  Process holder = StartHolder();
  ASSERT_EQ(unlink(directory_.File("locks.db").c_str()), 0);
  EXPECT_EQ(holder.Wait(), 122);
  EXPECT_THAT(holder.err(), HasSubstr("locks.db"));
  EXPECT_THAT(holder.err(), HasSubstr("\"event\":\"lost\""));
}

TEST_F(FileOutageTest, AHolderWhoseStoreIsReplacedStopsItsWorkAndSaysSo) {
  Process holder = StartHolder();
  WriteFile(directory_.File("other"), "");
  ASSERT_EQ(rename(directory_.File("other").c_str(), directory_.File("locks.db").c_str()), 0);
  EXPECT_EQ(holder.Wait(), 122);
  EXPECT_THAT(holder.err(), HasSubstr("\"event\":\"lost\""));
}

TEST_F(FileOutageTest, ADiskThatFillsUnderAHolderEndsItsWorkInTime) {
  const std::string small = directory_.File("small");
  ASSERT_EQ(mkdir(small.c_str(), 0755), 0);
  ASSERT_EQ(mount("none", small.c_str(), "tmpfs", 0, "size=1m"), 0);
  const std::string url = "sqlite:" + small + "/locks.db";
  Process holder(
      {MONOPOD_BINARY, "run", "x", "--ttl", "2s", "--store", url, "--", "sleep", "1000"});
  EXPECT_TRUE(holder.AwaitErr("\"event\":\"acquired\""));
  Process fill({"dd", "if=/dev/zero", "of=" + small + "/rest", "bs=4k"});
  EXPECT_NE(fill.Wait(), 0) << "the disk must be full";
  EXPECT_EQ(holder.Wait(), 122) << holder.err();
  EXPECT_THAT(holder.err(), HasSubstr("full"));
  umount2(small.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace monopod::testing
