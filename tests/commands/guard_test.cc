// `monopod guard` on a real etcd: what a hold guards lands while it stands, and never after.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <optional>

#include "tests/docs/schema.h"
#include "tests/support/etcd_server.h"
#include "tests/support/process.h"
#include "tests/support/tcp_relay.h"

namespace monopod::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

using Arguments = std::vector<std::string>;
using Environment = std::vector<std::pair<std::string, std::string>>;

// The stdin of a process, which the test writes.
class Input {
 public:
  Input() {
    if (pipe2(ends_.data(), O_CLOEXEC) != 0) std::abort();
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  ~Input() {
    Close();
    close(ends_[0]);
  }
  void BecomeStdin() const { dup2(ends_[0], STDIN_FILENO); }

  void Write(const std::string& text) const {
    if (write(ends_[1], text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      std::abort();
    }
  }
  bool AwaitRead() const {
    return Eventually([this] {
      int unread = 0;
      return ioctl(ends_[0], FIONREAD, &unread) == 0 && unread == 0;
    });
  }
  void End(const std::string& text) {
    Write(text);
    Close();
  }
  void Close() {
    if (ends_[1] >= 0) close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

class GuardCommandTest : public ::testing::Test {
 protected:
  Process Monopod(const Arguments& arguments, const Environment& environment = {},
                  const Input* input = nullptr) const {
    ProcessOptions options{.environment = {{"MONOPOD_STORE", server_.Url()}}};
    options.environment.insert(options.environment.end(), environment.begin(), environment.end());
    if (input != nullptr) options.before_exec = [input] { input->BecomeStdin(); };
    Arguments argv = {MONOPOD_BINARY};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return Process(argv, options);
  }

  struct Ended {
    int code = 0;
    std::string out;
    std::string err;
  };
  static Ended End(Process process) {
    Ended ended;
    ended.code = process.Wait();
    ended.out = process.out();
    ended.err = process.err();
    return ended;
  }
  Ended Finish(const Arguments& arguments, const Environment& environment = {}) const {
    return End(Monopod(arguments, environment));
  }

  struct Held {
    std::string holder;
    std::string handle;
    std::string token;
  };
  Held Acquire(const std::string& holder, Arguments flags = {}) const {
    flags.insert(flags.begin(), {"acquire", "x", "--holder", holder, "-o", "json"});
    const Ended acquired = Finish(flags);
    EXPECT_EQ(acquired.code, 0) << acquired.err;
    const Json json = Json::parse(acquired.out, nullptr, false);
    if (!json.is_object()) return {};
    return {.holder = holder, .handle = json["handle"], .token = json["token"].dump()};
  }
  // Ends the hold as an administrator who is sure that its work is dead, and takes the lock.
  Held TakeOver(const Held& from, const std::string& holder) const {
    const Ended broken = Finish({"break", "x", "--token", from.token, "--reason", "paused"});
    EXPECT_EQ(broken.code, 0) << broken.err;
    return Acquire(holder, {"--ttl", "60s", "--unsafe-no-recovery-delay"});
  }
  static Environment Inside(const Held& held) {
    return {{"MONOPOD_LOCK", "x"}, {"MONOPOD_TOKEN", held.token}};
  }
  std::string Stored(const std::string& key) const {
    return Etcdctl(server_.endpoint(), {"get", key, "--print-value-only"});
  }

  EtcdServer server_;
};

TEST_F(GuardCommandTest, WritesReadsAndDeletesInsideRun) {
  const Ended run = Finish({"run", "x", "--", "sh", "-c", R"(set -e
    "$0" guard put k 'a value'
    "$0" guard get k
    printf 'from\nstdin' | "$0" guard put k --lock x
    "$0" guard get k
    "$0" guard delete k
    "$0" guard get k
    "$0" guard get k -o json)",
                            MONOPOD_BINARY});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, StartsWith("a value\nfrom\nstdin\n{"));
  EXPECT_EQ(Stored("k"), "");
}

TEST_F(GuardCommandTest, TakesKeyAndValueAsTheyAre) {
  const Held held = Acquire("a");
  for (const std::string value :
       {"[1,2]", R"({"a": "b", "c": []})", "", "-", "'quoted'", "%%", "a,b", "run", "\"x\""}) {
    EXPECT_EQ(Finish({"guard", "put", "run", value, "--handle", held.handle}).code, 0) << value;
    EXPECT_EQ(Stored("run"), value + "\n");
  }
}

TEST_F(GuardCommandTest, ADetachedHoldGuardsByItsHandle) {
  const Held held = Acquire("a");
  EXPECT_EQ(Finish({"guard", "put", "k", "v", "--lock", "x", "--handle", held.handle}).code, 0);
  EXPECT_EQ(Finish({"guard", "get", "k", "--handle", held.handle}).out, "v\n");
  EXPECT_EQ(Finish({"guard", "get", "k", "--lock", "y", "--handle", held.handle}).code, 64);
  EXPECT_EQ(Finish({"release", held.handle}).code, 0);
  const Ended late = Finish({"guard", "put", "k", "late", "--handle", held.handle});
  EXPECT_EQ(late.code, 76);
  EXPECT_THAT(late.err, HasSubstr("nobody holds it now"));
  EXPECT_EQ(Stored("k"), "v\n");
}

// Each holder is stopped at another place on its way to the store, and goes on when somebody else
// holds the lock.
TEST_F(GuardCommandTest, APausedHoldersWriteNeverLandsAfterATakeover) {
  TcpRelay relay(server_.port());
  const Environment slow = {{"MONOPOD_STORE", "etcd://" + relay.endpoint()}};
  Held old = Acquire("holder-0", {"--ttl", "60s"});
  for (int round = 1; round <= 100; ++round) {
    Input input;
    Environment environment = Inside(old);
    environment.insert(environment.end(), slow.begin(), slow.end());
    Process put = Monopod({"guard", "put", "k"}, environment, &input);
    switch (round % 4) {
      case 0:  // before it has looked at the lock, most likely
        put.Signal(SIGSTOP);
        break;
      case 1:  // it has found its hold, and is about to write
        input.Write("by ");
        ASSERT_TRUE(input.AwaitRead());
        put.Signal(SIGSTOP);
        break;
      case 2:  // its write is under way, but has not arrived
        input.Write("by ");
        ASSERT_TRUE(input.AwaitRead());
        relay.Set(TcpRelay::Mode::kSilent);
        break;
      case 3:  // it has found its hold, and gets its value late
        input.Write("by ");
        ASSERT_TRUE(input.AwaitRead());
        break;
    }
    if (round % 4 != 3) input.End(old.holder);
    const Held now = TakeOver(old, "holder-" + std::to_string(round));
    ASSERT_EQ(Finish({"guard", "put", "k", "by " + now.holder}, Inside(now)).code, 0);
    relay.Set(TcpRelay::Mode::kRelay);
    put.Signal(SIGCONT);
    if (round % 4 == 3) input.End(old.holder);
    EXPECT_EQ(put.Wait(), 76) << round << ": " << put.err();
    EXPECT_THAT(put.err(), HasSubstr(now.holder + " (token " + now.token)) << round;
    EXPECT_EQ(Stored("k"), "by " + now.holder + "\n") << round;
    old = now;
  }
}

TEST_F(GuardCommandTest, AHoldThatWasNotRenewedIsFencedOffByItsSuccessor) {
  const Held old = Acquire("a", {"--ttl", "2s"});
  Input input;
  Process put = Monopod({"guard", "put", "k"}, Inside(old), &input);
  input.Write("by ");
  ASSERT_TRUE(input.AwaitRead());
  put.Signal(SIGSTOP);
  const Held now = Acquire("b");
  input.End("a");
  put.Signal(SIGCONT);
  EXPECT_EQ(put.Wait(), 76) << put.err();
  EXPECT_THAT(put.err(), HasSubstr("b (token " + now.token));
  EXPECT_EQ(Stored("k"), "");
}

TEST_F(GuardCommandTest, EachHolderOfSeveralSlotsIsFencedByItsOwnHold) {
  const Held first = Acquire("a", {"--slots", "2"});
  const Held second = Acquire("b", {"--slots", "2"});
  EXPECT_EQ(Finish({"guard", "put", "k", "1"}, Inside(second)).code, 0);
  EXPECT_EQ(Finish({"guard", "put", "k", "2"}, Inside(first)).code, 0);
  EXPECT_EQ(Finish({"break", "x", "--token", first.token, "--reason", "r"}).code, 0);
  const Ended late = Finish({"guard", "put", "k", "late"}, Inside(first));
  EXPECT_EQ(late.code, 76);
  EXPECT_THAT(late.err, HasSubstr("b (token " + second.token));
  EXPECT_EQ(Finish({"guard", "put", "k", "3"}, Inside(second)).code, 0);
  EXPECT_EQ(Stored("k"), "3\n");
}

TEST_F(GuardCommandTest, AWriteWhoseAnswerIsLostExitsWithOutcomeUnknown) {
  const Held held = Acquire("a");
  TcpRelay relay(server_.port());
  Environment environment = Inside(held);
  environment.emplace_back("MONOPOD_STORE", "etcd://" + relay.endpoint());
  Input input;
  Process put = Monopod({"guard", "put", "k", "--store-timeout", "2s"}, environment, &input);
  input.Write("v");
  ASSERT_TRUE(input.AwaitRead());
  relay.Set(TcpRelay::Mode::kSwallowAnswers);
  input.Close();
  EXPECT_EQ(put.Wait(), 74) << put.err();
  EXPECT_THAT(put.err(), HasSubstr("not known whether the write landed"));
  EXPECT_EQ(Stored("k"), "v\n");
}

TEST_F(GuardCommandTest, BadInputIsRefused) {
  const Held held = Acquire("a");
  const auto refusal = [&](const Arguments& arguments, const Environment& environment) {
    const Ended ended = Finish(arguments, environment);
    EXPECT_EQ(ended.code, 64) << ended.err;
    EXPECT_EQ(ended.out, "");
    return ended.err;
  };
  EXPECT_THAT(refusal({"guard", "put", "k", "v"}, {}), HasSubstr("inside `monopod run`"));
  EXPECT_THAT(refusal({"guard", "put", "", "v"}, Inside(held)), HasSubstr("empty key"));
  EXPECT_THAT(refusal({"guard", "delete", "monopod/locks/x/a"}, Inside(held)),
              HasSubstr("keeps locks"));
  EXPECT_THAT(refusal({"guard", "get", "k", "v"}, Inside(held)), HasSubstr("takes no VALUE"));
  EXPECT_THAT(refusal({"guard", "steal", "k"}, Inside(held)), HasSubstr("steal"));
  EXPECT_THAT(refusal({"guard", "get", "k", "--lock", "y"}, Inside(held)),
              HasSubstr("MONOPOD_LOCK"));
  EXPECT_THAT(refusal({"guard", "get", "k"}, {{"MONOPOD_LOCK", "x"}, {"MONOPOD_TOKEN", "1x"}}),
              HasSubstr("is no token"));
  EXPECT_THAT(
      refusal({"guard", "put", "k", "v"},
              {{"MONOPOD_LOCK", "x"}, {"MONOPOD_TOKEN", "1"}, {"MONOPOD_STORE", "memory:"}}),
      HasSubstr("WHERE token <= ?"));
}

TEST_F(GuardCommandTest, PrintsJsonAsDocumented) {
  const Held held = Acquire("a");
  Schema schema(ReadFile(MONOPOD_SOURCE_DIR "/docs/OUTPUT.md"));
  const auto result = [&](const Arguments& arguments) {
    Arguments argv = {"guard"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    argv.insert(argv.end(), {"-o", "json"});
    Json json = Json::parse(Finish(argv, Inside(held)).out, nullptr, false);
    schema.CheckResult("guard", json);
    return json;
  };
  EXPECT_EQ(result({"put", "k", "v"})["key"], "k");
  EXPECT_EQ(result({"get", "k"})["value"], "v");
  EXPECT_EQ(result({"delete", "k"})["deleted"], true);
  EXPECT_EQ(result({"delete", "k"})["deleted"], false);
  EXPECT_FALSE(result({"get", "k"}).contains("value"));
  EXPECT_THAT(schema.faults(), IsEmpty());
  EXPECT_THAT(schema.Unseen({"guard"}), IsEmpty());
}

}  // namespace
}  // namespace monopod::testing
