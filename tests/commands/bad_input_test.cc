// Bad input gets a clear error and its exit code, and loses nothing.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/commands/fixture.h"

namespace monopod::testing {
namespace {

using ::testing::HasSubstr;

struct BadInput {
  std::string name;
  Arguments arguments;  // DIR/ stands for the test's folder
  int code;
  std::string message;
};

class BadInputTest : public CommandTest, public ::testing::WithParamInterface<BadInput> {};

TEST_P(BadInputTest, IsRefusedWithItsCodeAndMessage) {
  // A directory, a text file and a missing folder for the cases that need them.
  ASSERT_EQ(mkdir(directory_.File("directory").c_str(), 0755), 0);
  WriteFile(directory_.File("text"), std::string(8192, 'a'));
  Arguments arguments = GetParam().arguments;
  for (std::string& argument : arguments) {
    const std::size_t at = argument.find("DIR/");
    if (at != std::string::npos) argument.replace(at, 4, directory_.path() + "/");
  }
  const Ended ended = Finish(arguments);
  EXPECT_EQ(ended.code, GetParam().code) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr(GetParam().message));
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ReadFile(directory_.File("text")), std::string(8192, 'a'));
}

Arguments RunWith(const Arguments& flags) {
  Arguments arguments = {"run", "x"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  arguments.insert(arguments.end(), {"--", "echo", "never"});
  return arguments;
}

Arguments RunNamed(const std::string& lock) { return {"run", lock, "--", "echo", "never"}; }

INSTANTIATE_TEST_SUITE_P(
    Names, BadInputTest,
    ::testing::Values(
        BadInput{"empty", RunNamed(""), 64, "the lock name is empty"},
        BadInput{"upper_case", RunNamed("Hello"), 64, "lower-case letters"},
        BadInput{"slash", RunNamed("a/b"), 64, "RFC 1123"},
        BadInput{"too_long", RunNamed(std::string(201, 'a')), 64, "201 characters; at most 200"},
        BadInput{"dots", RunNamed(".."), 64, "RFC 1123"},
        BadInput{"reserved", RunNamed("x.slot-1"), 64, "reserved for a slot of the lock"}),
    [](const auto& instance) { return instance.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Times, BadInputTest,
    ::testing::Values(
        BadInput{"ttl_zero", RunWith({"--ttl", "0"}), 64, "whole seconds from 2s to 24h"},
        BadInput{"ttl_short", RunWith({"--ttl", "1s"}), 64, "the TTL 1s is not allowed"},
        BadInput{"ttl_long", RunWith({"--ttl", "25h"}), 64, "the TTL 25h is not allowed"},
        BadInput{"ttl_word", RunWith({"--ttl", "abc"}), 64, "--ttl: \\\"abc\\\" is not a duration"},
        BadInput{"ttl_fraction", RunWith({"--ttl", "1.5s"}), 64, "the TTL 1.5s is not allowed"},
        BadInput{"kill_late", RunWith({"--kill-after", "15s"}), 64, "kill <= 0.95 TTL - 0.25s"},
        BadInput{"term_late", RunWith({"--term-after", "12s"}), 64, "term < kill"},
        BadInput{"renew_late", RunWith({"--renew-every", "9s"}), 64, "renew + 2 attempt <= term"},
        BadInput{"wait_word", RunWith({"--wait", "soon"}), 64, "--wait: \\\"soon\\\""},
        BadInput{"wait_and_no_wait", RunWith({"--wait", "1s", "--no-wait"}), 64, "--no-wait"},
        BadInput{"store_timeout", RunWith({"--store-timeout", "0"}), 64, "more than 0"}),
    [](const auto& instance) { return instance.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Flags, BadInputTest,
    ::testing::Values(
        BadInput{"slots_none", RunWith({"--slots", "0"}), 64, "0 slots are not allowed: 1 to 128"},
        BadInput{"slots_many", RunWith({"--slots", "129"}), 64, "1 to 128"},
        BadInput{"slots_word", RunWith({"--slots", "two"}), 64, "--slots"},
        BadInput{"busy_code", RunWith({"-E", "256"}), 64, "--busy-exit-code"},
        BadInput{"purpose", RunWith({"--purpose", "a\nb"}), 64, "no control characters"},
        BadInput{"no_lock", {"run", "--", "echo", "never"}, 64, "LOCK"},
        BadInput{"no_command", {"run", "x"}, 64, "no command"},
        BadInput{"empty_command", {"run", "x", "--"}, 64, "no command"},
        BadInput{"forgotten_dashes", {"run", "x", "echo"}, 64, "behind --"},
        BadInput{"unknown_flag", {"run", "x", "--frob", "--", "echo"}, 64, "--frob"},
        BadInput{"unknown_command", {"frobnicate"}, 64, "frobnicate"},
        BadInput{"command_elsewhere", {"ls", "--", "echo"}, 64, "only `monopod run`"},
        BadInput{"output", {"ls", "-o", "xml"}, 64, "xml"},
        BadInput{"handle", {"release", "x:0:1:zz"}, 64, "not a handle"},
        BadInput{"break_token", {"break", "x", "--token", "-1", "--reason", "r"}, 64, "--token"},
        BadInput{"break_token_long",
                 {"break", "x", "--token", "18446744073709551617", "--reason", "r"},
                 64,
                 "18446744073709551617"},
        BadInput{"break_token_hexadecimal",
                 {"break", "x", "--token", "0x1", "--reason", "r"},
                 64,
                 "0x1"},
        BadInput{"break_reason", {"break", "x", "--token", "1"}, 64, "--reason"},
        BadInput{"no_such_lock", {"status", "nothing"}, 66, "no lock \\\"nothing\\\""}),
    [](const auto& instance) { return instance.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Stores, BadInputTest,
    ::testing::Values(
        BadInput{"scheme", RunWith({"--store", "redis://h"}), 64,
                 "this build has lease:[NAMESPACE], configmap:[NAMESPACE], etcd://HOST:PORT"},
        BadInput{"endpoint", RunWith({"--store", "etcd://h:0"}), 64, "\\\"h:0\\\" is no endpoint"},
        BadInput{"user_in_url", RunWith({"--store", "etcd://me:pw@h"}), 64, "use --user and"},
        BadInput{"no_ca", RunWith({"--store", "etcd://h", "--cacert", "DIR/none"}), 64, "none"},
        BadInput{"no_key", RunWith({"--store", "etcd://h", "--cert", "DIR/text"}), 64, "--key"},
        BadInput{"no_password", RunWith({"--store", "etcd://h", "--user", "me"}), 64, "password"},
        BadInput{"namespace", RunWith({"--store", "lease:No_Namespace"}), 64,
                 "\\\"No_Namespace\\\" is no name of a namespace"},
        BadInput{"namespaces_with_a_dot", RunWith({"--store", "configmap:a.b"}), 64,
                 "\\\"a.b\\\" is no name of a namespace"},
        BadInput{"two_namespaces", RunWith({"--store", "lease:a", "-n", "b"}), 64,
                 "two namespaces are named: \\\"a\\\""},
        BadInput{"no_kubeconfig", RunWith({"--store", "lease:", "--kubeconfig", "DIR/none"}), 64,
                 "none: No such file"},
        BadInput{"no_path", RunWith({"--store", "sqlite:"}), 64, "needs the path of a file"},
        BadInput{"directory", RunWith({"--store", "sqlite:DIR/directory"}), 64, "directory"},
        BadInput{"not_a_database", RunWith({"--store", "sqlite:DIR/text"}), 64, "database"},
        BadInput{"no_folder", RunWith({"--store", "sqlite:DIR/none/x.db"}), 64, "none"},
        BadInput{"unshared", RunWith({"--require-shared"}), 64, "this machine only"}),
    [](const auto& instance) { return instance.param.name; });

TEST_F(CommandTest, AnotherNumberOfSlotsIsRefusedWithBothNumbers) {
  ASSERT_EQ(Finish({"run", "x", "--slots", "2", "--", "true"}).code, 0);
  const Ended refused = Finish({"run", "x", "--slots", "3", "--", "true"});
  EXPECT_EQ(refused.code, 64);
  EXPECT_THAT(refused.err, HasSubstr("has 2 slots, not 3"));
}

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
