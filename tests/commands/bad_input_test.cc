// Surroundings in which monopod refuses to work: a pod without rights, files of others and of newer
// versions, file systems that are full or not to be trusted. What may be wrong with its arguments
// is in tests/bad_inputs/corpus.txt.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/commands/fixture.h"

namespace monopod::testing {
namespace {

using ::testing::HasSubstr;

TEST_F(CommandTest, InAPodNothingFallsBackToALocalFile) {
  Process process({MONOPOD_BINARY, "run", "x", "--", "echo", "never"},
                  {.environment = {{"KUBERNETES_SERVICE_HOST", "10.0.0.1"},
                                   {"KUBERNETES_SERVICE_PORT", "443"},
                                   {"KUBECONFIG", ""},
                                   {"HOME", directory_.path()}}});
  EXPECT_EQ(process.Wait(), 64);
  EXPECT_THAT(process.err(), HasSubstr("no cluster is configured"));
  EXPECT_THAT(process.err(), HasSubstr("there is no service account"));
  EXPECT_EQ(process.out(), "");
}

TEST_F(CommandTest, AnUnprivilegedUserIsToldWhatIsMissing) {
  ASSERT_EQ(Finish({"run", "x", "--", "true"}).code, 0);
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  Process process({BinaryForEveryone(), "run", "x", "--store", store(), "--", "true"},
                  {.before_exec = [] {
                    if (setuid(65534) != 0) _exit(99);
                  }});
  EXPECT_EQ(process.Wait(), 77) << process.err();
  EXPECT_THAT(process.err(), HasSubstr("Permission denied"));
}

TEST_F(CommandTest, ARecordOfANewerFormatIsRefusedAndKept) {
  ASSERT_EQ(Finish({"run", "x", "--", "true"}).code, 0);
  Process newer({"sqlite3", directory_.File("locks.db"), "UPDATE locks SET format = 2"});
  ASSERT_EQ(newer.Wait(), 0);
  const Ended refused = Finish({"run", "x", "--", "echo", "never"});
  EXPECT_EQ(refused.code, 65) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("newer"));
  EXPECT_EQ(refused.out, "");
  Process kept({"sqlite3", directory_.File("locks.db"), "SELECT format FROM locks"});
  kept.Wait();
  EXPECT_EQ(kept.out(), "2\n");
}

TEST_F(CommandTest, TmpfsIsFineAndAFullOneIsAnError) {
  const std::string small = directory_.File("small");
  ASSERT_EQ(mkdir(small.c_str(), 0755), 0);
  ASSERT_EQ(mount("none", small.c_str(), "tmpfs", 0, "size=256k"), 0);
  const std::string url = "sqlite:" + small + "/locks.db";
  EXPECT_EQ(Finish({"run", "x", "--store", url, "--", "true"}).code, 0);
  Process fill({"dd", "if=/dev/zero", "of=" + small + "/rest", "bs=4k"});
  EXPECT_NE(fill.Wait(), 0);
  const Ended full =
      Finish({"run", "x", "--store", url, "--store-timeout", "1s", "--", "echo", "never"});
  EXPECT_EQ(full.code, 69) << full.err;
  EXPECT_THAT(full.err, HasSubstr("No space left on device"));
  EXPECT_EQ(full.out, "");
  umount2(small.c_str(), MNT_DETACH);
}

TEST_F(CommandTest, AFuseFileSystemIsRefused) {
  const std::string mounted = directory_.File("fuse");
  ASSERT_EQ(mkdir(mounted.c_str(), 0755), 0);
  ASSERT_EQ(mkdir(directory_.File("real").c_str(), 0755), 0);
  Process bindfs({"bindfs", directory_.File("real"), mounted});
  ASSERT_EQ(bindfs.Wait(), 0) << bindfs.err();
  const Ended refused =
      Finish({"run", "x", "--store", "sqlite:" + mounted + "/locks.db", "--", "echo", "never"});
  EXPECT_EQ(refused.code, 64) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("FUSE"));
  umount2(mounted.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace monopod::testing
