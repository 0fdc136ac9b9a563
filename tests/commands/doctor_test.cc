// `monopod doctor` on a SQLite store: each finding is brought about, and its remedy carried out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/process.h"

namespace monopod::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;
using Arguments = std::vector<std::string>;

class DoctorTest : public ::testing::Test {
 protected:
  std::string Finish(const Arguments& arguments, int code = 0) {
    Arguments argv = {MONOPOD_BINARY};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    Process process(argv,
                    {.environment = {{"MONOPOD_STORE", "sqlite:" + file_}}, .before_exec = {}});
    EXPECT_EQ(process.Wait(), code) << arguments.front() << ": " << process.err();
    return process.out();
  }

  // The findings; the exit code must be the worst of them.
  Json Examine(int code, const std::string& file = {}) {
    const std::string store = "sqlite:" + (file.empty() ? file_ : file);
    return Json::parse(Finish({"doctor", "-o", "json", "--store", store}, code))["findings"];
  }

  // The only finding.
  Json Only(int code, const std::string& file = {}) {
    const Json findings = Examine(code, file);
    EXPECT_EQ(findings.size(), 1U) << findings;
    return findings.empty() ? Json::object() : findings[0];
  }

  std::string Sqlite(const std::string& sql, const std::string& file = {}) {
    Process shell({"sqlite3", file.empty() ? file_ : file, sql});
    EXPECT_EQ(shell.Wait(), 0) << shell.err();
    return shell.out();
  }

  // Runs the last command that a remedy quotes, as somebody would who pastes it.
  void Apply(const Json& finding) {
    const auto remedy = finding["remedy"].get<std::string>();
    const std::size_t end = remedy.rfind('`');
    ASSERT_NE(end, std::string::npos) << remedy;
    const std::size_t begin = remedy.rfind('`', end - 1) + 1;
    Process shell(
        {"sh", "-c", "monopod() { \"$BINARY\" \"$@\"; }\n" + remedy.substr(begin, end - begin)},
        {.environment = {{"BINARY", MONOPOD_BINARY}, {"MONOPOD_STORE", "sqlite:" + file_}},
         .before_exec = {}});
    EXPECT_EQ(shell.Wait(), 0) << remedy << "\n" << shell.err();
  }

  TemporaryDirectory directory_;
  const std::string file_ = directory_.File("locks.db");
};

TEST_F(DoctorTest, NothingIsFoundInAHealthyStore) {
  Finish({"run", "x", "--", "true"});
  EXPECT_THAT(Examine(0), IsEmpty());
  EXPECT_THAT(Finish({"doctor"}), HasSubstr("nothing found"));
}

TEST_F(DoctorTest, AMissingFileIsNamedAndNotMade) {
  const Json missing = Only(1);
  EXPECT_EQ(missing["check"], "file");
  EXPECT_FALSE(std::filesystem::exists(file_));
  Finish({"run", "x", "--", "true"});
  EXPECT_THAT(Examine(0), IsEmpty());
}

TEST_F(DoctorTest, ASilentHoldIsNamedAndItsRemedyEndsIt) {
  Finish({"acquire", "x", "--ttl", "2s"});
  ASSERT_TRUE(Eventually([&] {
    Process doctor({MONOPOD_BINARY, "doctor", "--store", "sqlite:" + file_});
    return doctor.Wait() == 1;
  }));
  const Json stuck = Only(1);
  EXPECT_EQ(stuck["check"], "stuck");
  EXPECT_EQ(stuck["subject"], "x");
  Apply(stuck);
  EXPECT_THAT(Examine(0), IsEmpty());
}

TEST_F(DoctorTest, AnOldStickyHoldIsNamedAndItsRemedyEndsIt) {
  Finish({"acquire", "x", "--sticky"});
  EXPECT_THAT(Examine(0), IsEmpty());
  Sqlite("UPDATE locks SET acquired = '2020-01-01T00:00:00.000000Z'");
  const Json sticky = Only(1);
  EXPECT_EQ(sticky["check"], "sticky");
  Apply(sticky);
  EXPECT_THAT(Examine(0), IsEmpty());
}

TEST_F(DoctorTest, AResizeThatIsNotDoneIsNamedAndItsRemedyCompletesIt) {
  Finish({"create", "x", "--slots", "2"});
  // The surplus slot is the second, whoever of the two has it.
  std::string handle = Finish({"acquire", "x", "--ttl", "1m"});
  const std::string other = Finish({"acquire", "x", "--ttl", "1m"});
  if (other.starts_with("x:1:")) handle = other;
  handle.erase(handle.find('\n'));
  Finish({"resize", "x", "--slots", "1", "--wait", "0s"}, 75);
  const Json resize = Only(1);
  EXPECT_EQ(resize["check"], "resize");
  Finish({"release", handle});
  Apply(resize);
  EXPECT_THAT(Examine(0), IsEmpty());
}

TEST_F(DoctorTest, AnotherJournalModeIsNamedAndItsRemedySetsItAgain) {
  Finish({"run", "x", "--", "true"});
  Sqlite("PRAGMA journal_mode = DELETE");
  const Json journal = Only(1);
  EXPECT_EQ(journal["check"], "journal");
  EXPECT_EQ(Sqlite("PRAGMA journal_mode"), "delete\n") << "to look changes nothing";
  Apply(journal);
  EXPECT_THAT(Examine(0), IsEmpty());
}

TEST_F(DoctorTest, WhatIsNoStoreOfThisMonopodIsNamedAndLeftAsItIs) {
  const std::string other = directory_.File("other.db");
  Sqlite("CREATE TABLE t (a)", other);
  const std::string before = ReadFile(other);
  EXPECT_EQ(Only(2, other)["check"], "format");
  EXPECT_EQ(ReadFile(other), before);

  const std::string text = directory_.File("text");
  WriteFile(text, std::string(4096, 'x'));
  EXPECT_EQ(Only(2, text)["check"], "open");
  EXPECT_EQ(ReadFile(text), std::string(4096, 'x'));

  Finish({"run", "x", "--", "true"});
  Sqlite("PRAGMA user_version = 99");
  EXPECT_THAT(Only(2)["remedy"].get<std::string>(), HasSubstr("upgrade"));
  Sqlite("PRAGMA user_version = 1; UPDATE locks SET format = 2");
  EXPECT_EQ(Only(2)["check"], "read");
}

TEST_F(DoctorTest, DamageIsNamedAndItsRemedyIsANewFile) {
  for (const char* lock : {"a", "b", "c"}) Finish({"run", lock, "--", "true"});
  Sqlite("PRAGMA wal_checkpoint(TRUNCATE)");
  // The page of the locks.
  const int page = std::stoi(Sqlite("SELECT rootpage FROM sqlite_schema WHERE name = 'locks'"));
  const int size = std::stoi(Sqlite("PRAGMA page_size"));
  std::string bytes = ReadFile(file_);
  const auto at = static_cast<std::size_t>(page - 1) * static_cast<std::size_t>(size);
  bytes.replace(at + 8, 64, std::string(64, '\xff'));
  WriteFile(file_, bytes);
  EXPECT_EQ(Only(2)["check"], "damage");
  std::filesystem::remove(file_);
  Finish({"run", "x", "--", "true"});
  EXPECT_THAT(Examine(0), IsEmpty());
}

TEST_F(DoctorTest, LittleSpaceAndForbiddenFileSystemsAreNamed) {
  const std::string small = directory_.File("small");
  ASSERT_EQ(mkdir(small.c_str(), 0755), 0);
  ASSERT_EQ(mount("none", small.c_str(), "tmpfs", 0, "size=512k"), 0);
  Finish({"run", "x", "--store", "sqlite:" + small + "/locks.db", "--", "true"});
  const Json space = Only(2, small + "/locks.db");
  EXPECT_EQ(space["check"], "space");
  ASSERT_EQ(mount("none", small.c_str(), "tmpfs", MS_REMOUNT, "size=1g"), 0);
  EXPECT_THAT(Examine(0, small + "/locks.db"), IsEmpty());
  umount2(small.c_str(), MNT_DETACH);

  const std::string mounted = directory_.File("fuse");
  ASSERT_EQ(mkdir(mounted.c_str(), 0755), 0);
  ASSERT_EQ(mkdir(directory_.File("real").c_str(), 0755), 0);
  Process bindfs({"bindfs", directory_.File("real"), mounted});
  ASSERT_EQ(bindfs.Wait(), 0) << bindfs.err();
  const Json fuse = Only(2, mounted + "/locks.db");
  EXPECT_EQ(fuse["check"], "file");
  EXPECT_THAT(fuse["message"].get<std::string>(), HasSubstr("FUSE"));
  umount2(mounted.c_str(), MNT_DETACH);
}

TEST_F(DoctorTest, WhatCannotBeExaminedIsAUsageError) {
  Finish({"doctor", "--store", "memory:"}, 64);
  Finish({"doctor", "keys"}, 64);
  Finish({"doctor", "--store", "etcd://127.0.0.1:1", "--quota", "much"}, 64);
}

}  // namespace
}  // namespace monopod::testing
