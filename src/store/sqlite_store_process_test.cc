// What only shows with several processes, or in a process that lacks something.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <vector>

#include "src/store/change_watch.h"
#include "src/store/sqlite_store.h"
#include "src/store/test_support.h"

namespace monopod::store {
namespace {

namespace fs = std::filesystem;
using protocol::Record;
using protocol::Seen;
using protocol::Snapshot;
using protocol::Token;
using protocol::Version;
using namespace std::chrono_literals;

std::unique_ptr<SqliteStore> OpenStore(const std::string& path) {
  auto opened = SqliteStore::Open({.path = path, .open_timeout = 30s});
  EXPECT_TRUE(opened) << opened.error().message;
  return opened ? std::move(*opened) : nullptr;
}

void ExpectRefused(const std::string& path, ErrorCode code, const std::string& why) {
  const auto opened = SqliteStore::Open({.path = path});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, code) << opened.error().message;
  EXPECT_NE(opened.error().message.find(why), std::string::npos) << opened.error().message;
}

// Waits until the record's version is another one, and fails at the deadline.
Snapshot AwaitOther(SqliteStore& store, const std::string& name, const Version& version) {
  const BootTime deadline = Soon();
  const std::vector<Seen> seen{{.name = name, .version = version}};
  for (;;) {
    store.AwaitChange(seen, deadline, {});
    auto read = store.Read(name, Soon());
    EXPECT_TRUE(read) << read.error().message;
    EXPECT_LT(BootClock::now(), deadline);
    if (!read || BootClock::now() >= deadline || read->version != version) {
      return read ? *read : Snapshot{};
    }
  }
}

TEST(SqliteStoreProcessTest, TwentyProcessesThatStartAtOnceMakeOneStore) {
  const TempFolder folder;
  const std::string path = folder.Path("locks.db");
  constexpr int kProcesses = 20;
  StartingLine line;
  std::vector<std::unique_ptr<ChildProcess>> children;
  for (int number = 0; number < kProcesses; ++number) {
    children.push_back(std::make_unique<ChildProcess>([&, number] {
      line.Await();
      auto store = OpenStore(path);
      ASSERT_TRUE(store);
      const auto written =
          store->Write("lock-" + std::to_string(number), "", HeldBy("a", 1), Soon());
      EXPECT_TRUE(written) << written.error().message;
    }));
  }
  line.Open();
  for (auto& child : children) EXPECT_TRUE(child->Succeeded());
  EXPECT_EQ(OpenStore(path)->List(Soon())->size(), std::size_t{kProcesses});
}

TEST(SqliteStoreProcessTest, NoUpdateOfAnyProcessIsLost) {
  const TempFolder folder;
  const std::string path = folder.Path("locks.db");
  constexpr int kProcesses = 4;
  constexpr int kRounds = 25;
  StartingLine line;
  std::vector<std::unique_ptr<ChildProcess>> children;
  for (int number = 0; number < kProcesses; ++number) {
    children.push_back(std::make_unique<ChildProcess>([&] {
      line.Await();
      auto store = OpenStore(path);
      for (int done = 0; done < kRounds;) {
        const auto read = store->Read("deploy", Soon());
        ASSERT_TRUE(read) << read.error().message;
        const auto written =
            store->Write("deploy", read->version, HeldBy("a", read->next_token), Soon());
        ASSERT_TRUE(written || written.error().code == ErrorCode::kConflict)
            << written.error().message;
        if (written) ++done;
      }
    }));
  }
  line.Open();
  for (auto& child : children) EXPECT_TRUE(child->Succeeded());
  EXPECT_EQ(OpenStore(path)->Read("deploy", Soon())->record.token, Token{kProcesses} * kRounds);
}

TEST(SqliteStoreProcessTest, AWaiterSeesTheChangesOfAnotherProcess) {
  const TempFolder folder;
  const std::string path = folder.Path("locks.db");
  constexpr int kRounds = 50;
  // Both change their own record after they saw the other's change: a lost wake-up ends in the
  // deadline of a wait.
  ChildProcess partner([&] {
    auto store = OpenStore(path);
    Version ping;
    Version pong;
    for (int round = 0; round < kRounds; ++round) {
      ping = AwaitOther(*store, "ping", ping).version;
      const auto written = store->Write("pong", pong, HeldBy("b", 1), Soon());
      ASSERT_TRUE(written) << written.error().message;
      pong = written->version;
    }
  });
  auto store = OpenStore(path);
  Version ping;
  Version pong;
  for (int round = 0; round < kRounds; ++round) {
    const auto written = store->Write("ping", ping, HeldBy("a", 1), Soon());
    ASSERT_TRUE(written) << written.error().message;
    ping = written->version;
    pong = AwaitOther(*store, "pong", pong).version;
  }
  EXPECT_TRUE(partner.Succeeded());
}

TEST(SqliteStoreProcessTest, AStoreIsRefusedAfterAForkAndLeftAlone) {
  const TempFolder folder;
  auto store = OpenStore(folder.Path("locks.db"));
  const auto written = store->Write("deploy", "", HeldBy("a", 1), Soon());
  ASSERT_TRUE(written);
  EXPECT_TRUE(SucceedsInChild([&] {
    EXPECT_EQ(store->Read("deploy", Soon()).error().code, ErrorCode::kInternal);
    EXPECT_EQ(store->Write("deploy", "", HeldBy("b", 2), Soon()).error().code,
              ErrorCode::kInternal);
    EXPECT_EQ(store->List(Soon()).error().code, ErrorCode::kInternal);
    store->AwaitChange({}, BootTime::max(), {});
    store.reset();
  }));
  EXPECT_EQ(store->Read("deploy", Soon())->version, written->version);
  EXPECT_TRUE(store->Write("deploy", written->version, HeldBy("a", 1), Soon()));
}

TEST(SqliteStoreProcessTest, AnotherStoreObjectOfTheProcessDoesNotLoosenTheLocks) {
  const TempFolder folder;
  const std::string path = folder.Path("locks.db");
  StartingLine line;
  // Whoever closes the file last removes the write-ahead log.
  ChildProcess visitor([&] {
    line.Await();
    SqlShell(path).Run("SELECT count(*) FROM locks");
  });
  auto store = OpenStore(path);
  // POSIX drops all locks of a process on a file with any descriptor of it that is closed.
  OpenStore(path).reset();
  ExpectRefused(folder.path(), ErrorCode::kInvalidArgument, "directory");
  line.Open();
  EXPECT_TRUE(visitor.Succeeded());
  const auto written = store->Write("deploy", "", HeldBy("a", 1), Soon());
  EXPECT_TRUE(written) << written.error().message;
}

TEST(SqliteStoreProcessTest, AWriterThatIsKilledLeavesTheStoreUsable) {
  const TempFolder folder;
  const std::string path = folder.Path("locks.db");
  auto store = OpenStore(path);
  for (int round = 0; round < 5; ++round) {
    ChildProcess writer([&] {
      auto own = OpenStore(path);
      Version mine = own->Read("busy", Soon())->version;
      for (;;) {
        const auto written = own->Write("busy", mine, HeldBy("b", 1), Soon());
        ASSERT_TRUE(written) << written.error().message;
        mine = written->version;
      }
    });
    const Version before = store->Read("busy", Soon())->version;
    AwaitOther(*store, "busy", before);
    // The destructor kills it, most likely in the middle of a write.
  }
  EXPECT_TRUE(store->Write("deploy", "", HeldBy("a", 1), Soon()));
  EXPECT_EQ(SqlShell(path).Run("PRAGMA integrity_check"), "ok\n");
}

TEST(SqliteStoreProcessTest, AFullDiskIsUnavailableAndLosesNothing) {
  const TempFolder folder;
  EXPECT_TRUE(SucceedsInChild([&] {
    EnterMountNamespace();
    MountTmpfs(folder.Path("mount"), "size=512k");
    auto store = OpenStore(folder.Path("mount/locks.db"));
    Version version;
    Record record = HeldBy("a", 1);
    const auto filler = folder.Path("mount/filler");
    {
      auto written = store->Write("deploy", "", record, Soon());
      ASSERT_TRUE(written) << written.error().message;
      version = written->version;
    }
    std::FILE* file = std::fopen(filler.c_str(), "we");
    while (std::fputc('x', file) != EOF && std::fflush(file) == 0) {
    }
    std::fclose(file);

    const Record refused = HeldBy("b", 2);
    const auto full = store->Write("deploy", version, refused, Soon());
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, ErrorCode::kUnavailable) << full.error().message;
    EXPECT_EQ(store->Read("deploy", Soon())->record.edit, record.edit);
    ExpectRefused(folder.Path("mount/new.db"), ErrorCode::kUnavailable, "new.db");

    fs::remove(filler);
    EXPECT_EQ(store->Read("deploy", Soon())->version, version);
    EXPECT_TRUE(store->Write("deploy", version, refused, Soon()));
  }));
}

TEST(SqliteStoreProcessTest, ADiskThatFailsInACommitLeavesTheOutcomeUnknown) {
  const TempFolder folder;
  EXPECT_TRUE(SucceedsInChild([&] {
    auto store = OpenStore(folder.Path("locks.db"));
    const auto written = store->Write("deploy", "", HeldBy("a", 1), Soon());
    ASSERT_TRUE(written);
    // Writes past this size fail.
    signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
    const rlimit tight{.rlim_cur = fs::file_size(folder.Path("locks.db-wal")),
                       .rlim_max = limit.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
    const auto failed = store->Write("deploy", written->version, HeldBy("b", 2), Soon());
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::kIndeterminate) << failed.error().message;
    EXPECT_EQ(store->Read("deploy", Soon())->version, written->version);
    EXPECT_TRUE(store->Write("deploy", written->version, HeldBy("b", 2), Soon()));
  }));
}

// Leaves two file descriptors: a watch needs three, and the undefined behaviour sanitizer two.
void LimitDescriptors() {
  const int first = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int second = open("/dev/null", O_RDONLY | O_CLOEXEC);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = static_cast<rlim_t>(second) + 1;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  close(second);
  close(first);
  ASSERT_EQ(ChangeWatch::Create(), nullptr);
}

TEST(SqliteStoreProcessTest, WithoutDescriptorsAWaiterStillSeesChanges) {
  const TempFolder folder;
  const std::string path = folder.Path("locks.db");
  StartingLine line;
  ChildProcess waiter([&] {
    auto store = OpenStore(path);
    line.Await();
    LimitDescriptors();
    for (Version version; const char* holder : {"a", "b", "c"}) {
      Snapshot snapshot = AwaitOther(*store, "deploy", version);
      version = snapshot.version;
      EXPECT_EQ(snapshot.record.holder.instance, holder);
      EXPECT_TRUE(store->Write("answer", store->Read("answer", Soon())->version, HeldBy(holder, 1),
                               Soon()));
    }
    std::stop_source stop;
    stop.request_stop();
    store->AwaitChange({}, BootTime::max(), stop.get_token());
    store->AwaitChange({}, BootClock::now() + 1ms, {});
  });
  auto store = OpenStore(path);
  line.Open();
  Version version;
  Version answer;
  for (const char* holder : {"a", "b", "c"}) {
    const auto written = store->Write("deploy", version, HeldBy(holder, 1), Soon());
    ASSERT_TRUE(written);
    version = written->version;
    answer = AwaitOther(*store, "answer", answer).version;
  }
  EXPECT_TRUE(waiter.Succeeded());
}

TEST(SqliteStoreProcessTest, AFuseMountIsRefused) {
  const TempFolder folder;
  fs::create_directory(folder.Path("source"));
  EXPECT_TRUE(SucceedsInChild([&] {
    EnterMountNamespace();
    MountFuse(folder.Path("source"), folder.Path("mount"));
    ExpectRefused(folder.Path("mount/locks.db"), ErrorCode::kInvalidArgument, "FUSE");
  }));
  EXPECT_TRUE(fs::is_empty(folder.Path("source")));
}

TEST(SqliteStoreProcessTest, MissingRightsAreDenied) {
  const TempFolder folder;
  chmod(folder.path().c_str(), 0777);
  OpenStore(folder.Path("locks.db")).reset();
  chmod(folder.Path("locks.db").c_str(), 0644);
  EXPECT_TRUE(SucceedsInChild([&] {
    BecomeNobody();
    ExpectRefused(folder.Path("locks.db"), ErrorCode::kDenied, "cannot write");
    EXPECT_TRUE(OpenStore(folder.Path("own.db")));
  }));
}

TEST(SqliteStoreProcessTest, FoldersAreMadeOnRequestOnly) {
  const TempFolder folder;
  ExpectRefused(folder.Path("a/b/locks.db"), ErrorCode::kInvalidArgument, "does not exist");
  const auto opened =
      SqliteStore::Open({.path = folder.Path("a/b/locks.db"), .create_parents = true});
  EXPECT_TRUE(opened) << opened.error().message;
}

}  // namespace
}  // namespace monopod::store
