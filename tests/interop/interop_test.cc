// Others that lock the same name on the same etcd: `etcdctl lock`, and Go's concurrency.Mutex where
// MONOPOD_GO_MUTEX names the program of go_mutex.go. They exclude each other and queue in turn.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/etcd_server.h"
#include "tests/support/process.h"

namespace monopod::testing {
namespace {

using ::testing::HasSubstr;

struct Other {
  std::string name;
  // Locks monopod/locks/x with a lease of 5 s, runs the words after it, and unlocks.
  std::vector<std::string> words;
};

std::vector<Other> Others() {
  std::vector<Other> others = {
      {"etcdctl", {"etcdctl", "lock", "--ttl=5", "--", "monopod/locks/x"}}};
  const char* go = std::getenv("MONOPOD_GO_MUTEX");  // NOLINT(concurrency-mt-unsafe): no threads
  if (go != nullptr) others.push_back({"go_mutex", {go, "5", "monopod/locks/x"}});
  return others;
}

class InteropTest : public ::testing::TestWithParam<Other> {
 protected:
  // Each holder writes its name into the log, and then waits until the test lets it go on.
  std::vector<std::string> Work(const std::string& who) {
    mkfifo(Gate(who).c_str(), 0600);
    return {"sh", "-c",
            "echo begin " + who + " >>'" + log() + "'; read x <'" + Gate(who) + "'; echo end " +
                who + " >>'" + log() + "'"};
  }
  std::string log() const { return directory_.File("log"); }
  std::string Gate(const std::string& who) const { return directory_.File("gate-" + who); }
  // Waits for its holder.
  void LetGo(const std::string& who) const { WriteFile(Gate(who), "go\n"); }
  bool AwaitLog(const std::string& text) const {
    return Eventually([&] { return ReadFile(log()).find(text) != std::string::npos; });
  }

  Process Theirs(const std::string& who) {
    std::vector<std::string> words = GetParam().words;
    for (auto& word : Work(who)) words.push_back(std::move(word));
    return Process(std::move(words), {.environment = {{"ETCDCTL_API", "3"},
                                                      {"ETCDCTL_ENDPOINTS", server_.endpoint()}},
                                      .before_exec = {}});
  }
  Process Ours(const std::string& who, std::vector<std::string> flags = {"--wait", "60s"}) {
    std::vector<std::string> words = {MONOPOD_BINARY, "run",      "x", "--store",
                                      server_.Url(),  "--holder", who};
    for (auto& flag : flags) words.push_back(std::move(flag));
    words.emplace_back("--");
    for (auto& word : Work(who)) words.push_back(std::move(word));
    return Process(std::move(words));
  }
  // So many members stand in the queue.
  bool AwaitQueue(std::size_t size) const {
    return Eventually([&] {
      const std::string keys =
          Etcdctl(server_.endpoint(), {"get", "--prefix", "--keys-only", "monopod/locks/x/"});
      std::size_t found = 0;
      for (std::size_t at = keys.find("monopod/"); at != std::string::npos;
           at = keys.find("monopod/", at + 1)) {
        ++found;
      }
      return found == size;
    });
  }
  bool NothingIsLeft() const {
    return Eventually([&] {
      return Etcdctl(server_.endpoint(), {"get", "--prefix", "--keys-only", "monopod/"}).empty();
    });
  }

  EtcdServer server_;
  TemporaryDirectory directory_;
};

TEST_P(InteropTest, WhileTheyHoldItWeAreBusyOrWait) {
  Process theirs = Theirs("theirs");
  ASSERT_TRUE(AwaitLog("begin theirs"));
  Process busy = Ours("busy", {"--no-wait"});
  EXPECT_EQ(busy.Wait(), 75) << busy.err();
  EXPECT_THAT(busy.err(), HasSubstr("not monopod"));
  Process ours = Ours("ours");
  ASSERT_TRUE(AwaitQueue(2));
  LetGo("theirs");
  ASSERT_TRUE(AwaitLog("begin ours"));
  EXPECT_THAT(ReadFile(log()), HasSubstr("end theirs\nbegin ours"));
  LetGo("ours");
  EXPECT_EQ(ours.Wait(), 0) << ours.err();
  EXPECT_EQ(theirs.Wait(), 0) << theirs.err();
  EXPECT_TRUE(NothingIsLeft());
}

TEST_P(InteropTest, WhileWeHoldItTheyWait) {
  Process ours = Ours("ours");
  ASSERT_TRUE(AwaitLog("begin ours"));
  Process theirs = Theirs("theirs");
  ASSERT_TRUE(AwaitQueue(2));
  LetGo("ours");
  ASSERT_TRUE(AwaitLog("begin theirs"));
  EXPECT_THAT(ReadFile(log()), HasSubstr("end ours\nbegin theirs"));
  LetGo("theirs");
  EXPECT_EQ(theirs.Wait(), 0) << theirs.err();
  EXPECT_EQ(ours.Wait(), 0) << ours.err();
}

TEST_P(InteropTest, TheyAndWeTakeTurnsInTheOrderOfAsking) {
  const std::vector<std::string> order = {"o1", "t1", "o2", "o3", "t2", "o4"};
  std::vector<Process> all;
  for (const std::string& who : order) {
    all.push_back(who.starts_with('o') ? Ours(who) : Theirs(who));
    ASSERT_TRUE(AwaitQueue(all.size())) << who;
  }
  std::string expected;
  for (const std::string& who : order) {
    ASSERT_TRUE(AwaitLog("begin " + who)) << ReadFile(log());
    LetGo(who);
    expected.append("begin ").append(who).append("\nend ").append(who).append("\n");
  }
  for (Process& one : all) EXPECT_EQ(one.Wait(), 0) << one.err();
  EXPECT_EQ(ReadFile(log()), expected);
  EXPECT_TRUE(NothingIsLeft());
}

TEST_P(InteropTest, WhenTheyDieWeWaitUntilTheirLeaseAndItsTimeAreOver) {
  Process theirs = Theirs("theirs");
  ASSERT_TRUE(AwaitLog("begin theirs"));
  Process ours = Ours("ours");
  ASSERT_TRUE(AwaitQueue(2));
  const BootTime killed = BootClock::now();
  theirs.Signal(SIGKILL);
  ASSERT_TRUE(AwaitLog("begin ours"));
  EXPECT_GE(BootClock::now() - killed, std::chrono::seconds(5));
  LetGo("ours");
  EXPECT_EQ(ours.Wait(), 0) << ours.err();
}

TEST_P(InteropTest, WhenWeDieTheyHaveItOnceOurLeaseEnds) {
  Process ours = Ours("ours", {"--ttl", "3s"});
  ASSERT_TRUE(AwaitLog("begin ours"));
  Process theirs = Theirs("theirs");
  ASSERT_TRUE(AwaitQueue(2));
  ours.Signal(SIGKILL);
  ASSERT_TRUE(AwaitLog("begin theirs"));
  LetGo("theirs");
  EXPECT_EQ(theirs.Wait(), 0) << theirs.err();
}

INSTANTIATE_TEST_SUITE_P(Others, InteropTest, ::testing::ValuesIn(Others()),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace monopod::testing
