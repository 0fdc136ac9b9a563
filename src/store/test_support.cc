#include "src/store/test_support.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <spawn.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "src/base/nonce.h"

namespace monopod::store {

using protocol::HoldKind;
using protocol::Phase;
using protocol::Record;
using namespace std::chrono_literals;

BootTime Soon() { return BootClock::now() + 30s; }

TempFolder::TempFolder() {
  path_ = std::filesystem::canonical(testing::TempDir()).native() + "/monopod-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr) ADD_FAILURE() << "no temporary folder " << path_;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string FileBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes << std::flush;
  EXPECT_TRUE(file) << path;
}

SqlShell::SqlShell(const std::string& path) {
  sqlite3* database = nullptr;
  EXPECT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK) << path;
  sqlite3_busy_timeout(database, 10'000);
  database_ = database;
}

SqlShell::~SqlShell() { sqlite3_close(static_cast<sqlite3*>(database_)); }

std::string SqlShell::Run(const std::string& sql) {
  std::string output;
  const auto add_row = [](void* to, int count, char** values, char**) {
    for (int column = 0; column < count; ++column) {
      *static_cast<std::string*>(to) += column == 0 ? "" : "|";
      *static_cast<std::string*>(to) += values[column] == nullptr ? "NULL" : values[column];
    }
    *static_cast<std::string*>(to) += "\n";
    return 0;
  };
  auto* database = static_cast<sqlite3*>(database_);
  EXPECT_EQ(sqlite3_exec(database, sql.c_str(), add_row, &output, nullptr), SQLITE_OK)
      << sql << ": " << sqlite3_errmsg(database);
  return output;
}

ChildProcess::ChildProcess(const std::function<void()>& body) : id_(fork()) {
  if (id_ != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  body();
  std::fflush(nullptr);
  _exit(testing::Test::HasFailure() ? 1 : 0);
}

ChildProcess::~ChildProcess() {
  if (id_ <= 0) return;
  kill(id_, SIGKILL);
  Succeeded();
}

bool ChildProcess::Succeeded() {
  int status = -1;
  while (waitpid(id_, &status, 0) < 0 && errno == EINTR) {
  }
  id_ = -1;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool SucceedsInChild(const std::function<void()>& body) { return ChildProcess(body).Succeeded(); }

void EnterMountNamespace() {
  EXPECT_EQ(unshare(CLONE_NEWNS), 0) << "mounting needs root: " << strerror(errno);
  EXPECT_EQ(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0) << strerror(errno);
}

void MountTmpfs(const std::string& folder, const std::string& options) {
  std::filesystem::create_directories(folder);
  EXPECT_EQ(mount("tmpfs", folder.c_str(), "tmpfs", 0, options.c_str()), 0) << strerror(errno);
}

void MountFuse(const std::string& source, const std::string& folder) {
  std::filesystem::create_directories(folder);
  std::string program = "bindfs";
  std::string from = source;
  std::string to = folder;
  char* arguments[] = {program.data(), from.data(), to.data(), nullptr};
  pid_t process = -1;
  ASSERT_EQ(posix_spawnp(&process, "bindfs", nullptr, nullptr, arguments, environ), 0)
      << "these tests need bindfs";
  int status = -1;
  ASSERT_EQ(waitpid(process, &status, 0), process);
  ASSERT_EQ(status, 0) << "bindfs could not mount";
}

void BecomeNobody() {
  constexpr uid_t kNobody = 65534;
  EXPECT_TRUE(geteuid() != 0 || setresuid(kNobody, kNobody, kNobody) == 0);
}

StartingLine::StartingLine() {
  int ends[2] = {-1, -1};
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  reader_ = ends[0];
  writer_ = ends[1];
}

StartingLine::~StartingLine() {
  close(reader_);
  if (writer_ >= 0) close(writer_);
}

void StartingLine::Await() {
  close(writer_);  // the child's own copy
  writer_ = -1;
  char none = 0;
  while (read(reader_, &none, 1) < 0 && errno == EINTR) {
  }
}

void StartingLine::Open() {
  close(writer_);
  writer_ = -1;
}

Record FullRecord() {
  return {.phase = Phase::kRecovering,
          .kind = HoldKind::kDetached,
          .holder = {.name = "deploy-7f",
                     .namespace_ = "build",
                     .node = "node-3",
                     .instance = RandomNonce(),
                     .purpose = "Größe ändern: 数据库 🔒 'quoted' \"twice\"\nsecond line"},
          .token = 41,
          .stamp = RandomNonce(),
          .edit = RandomNonce(),
          .origin = RandomNonce(),
          .ttl = 15'001ms,
          .kill = 12'002ms,
          .owed_kill = 24h,
          .credit = 3'003ms,
          .acquired = WallTime(1'795'248'000'000'001us),
          .renewed = WallTime(1'795'248'007'999'999us),
          .note = "taken over: silent for 15.2s",
          .slots = 5,
          .resize_to = 2,
          .resize_id = "resize"};
}

Record HeldBy(const std::string& instance, protocol::Token token) {
  return {.phase = Phase::kHeld,
          .holder = {.name = "pod-" + instance, .instance = instance},
          .token = token,
          .stamp = RandomNonce(),
          .edit = RandomNonce(),
          .ttl = 15s,
          .kill = 12s};
}

}  // namespace monopod::store
