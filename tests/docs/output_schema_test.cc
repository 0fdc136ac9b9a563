// docs/OUTPUT.md against the program: everything that it prints as JSON is documented, everything
// that is documented is printed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <deque>
#include <sstream>

#include "tests/docs/schema.h"
#include "tests/support/process.h"

namespace monopod::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Arguments = std::vector<std::string>;

class OutputSchemaTest : public ::testing::Test {
 protected:
  // Starts monopod in a pod, so to say; it lives as long as the test.
  Process& Start(const Arguments& arguments) {
    Arguments argv = {MONOPOD_BINARY};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const ProcessOptions options{
        .environment = {{"MONOPOD_STORE", "sqlite:" + directory_.File("db")},
                        {"POD_NAME", "web-0"},
                        {"POD_NAMESPACE", "prod"},
                        {"NODE_NAME", "node-7"}}};
    return processes_.emplace_back(argv, options);
  }

  // Starts one and waits until it has logged `event`.
  Process& StartUntil(const std::string& event, const Arguments& arguments) {
    Process& process = Start(arguments);
    EXPECT_TRUE(process.AwaitErr("\"event\":\"" + event + "\"")) << process.err();
    return process;
  }

  // Runs one to its end, which must be with `code`; what it printed.
  std::string Finish(const Arguments& arguments, int code = 0) {
    Process& process = Start(arguments);
    EXPECT_EQ(process.Wait(), code) << arguments.front() << ": " << process.err();
    return process.out();
  }

  Json Result(const Arguments& arguments) {
    Json json = Json::parse(Finish(arguments), nullptr, false);
    schema_.CheckResult(arguments.front(), json);
    return json;
  }

  Json Status(const std::string& lock) { return Result({"status", lock, "-o", "json"}); }

  std::string TokenOf(const std::string& lock) { return Status(lock)["slot"][0]["token"].dump(); }

  // Everything that any of them has logged.
  void CheckLog() {
    for (Process& process : processes_) {
      std::istringstream lines(process.err());
      for (std::string line; std::getline(lines, line);) schema_.CheckLogLine(line);
    }
  }

  Schema schema_{ReadFile(MONOPOD_SOURCE_DIR "/docs/OUTPUT.md")};
  TemporaryDirectory directory_;
  std::deque<Process> processes_;  // behind the directory: their end comes first
};

TEST_F(OutputSchemaTest, ResultsAreAsDocumented) {
  Result({"version", "-o", "json"});
  Result({"explain", "-o", "json"});
  Result({"explain", "--store", "etcd://127.0.0.1:1", "-o", "json"});

  Finish({"create", "never-used"});
  Status("never-used");

  Finish({"acquire", "kept", "--sticky"});
  EXPECT_EQ(Status("kept")["slot"][0]["kind"], "sticky");

  Result({"acquire", "detached", "--purpose", "schema 42", "-o", "json"});
  Status("detached");

  StartUntil("acquired", {"run", "busy", "--ttl", "1m", "--", "sleep", "1000"});
  EXPECT_EQ(Status("busy")["slot"][0]["state"], "held");

  // Broken, then claimed by somebody who waits until the broken hold's work must be over.
  Finish({"break", "busy", "--token", TokenOf("busy"), "--reason", "r"});
  EXPECT_EQ(Status("busy")["slot"][0]["state"], "free");
  Process& next = StartUntil("recovering", {"acquire", "busy"});
  EXPECT_EQ(Status("busy")["slot"][0]["state"], "recovering");
  next.Signal(SIGTERM);
  EXPECT_EQ(next.Wait(), 128 + SIGTERM);

  Finish({"acquire", "forgotten", "--ttl", "2s"});
  EXPECT_TRUE(Eventually([&] { return Status("forgotten")["slot"][0]["state"] == "expired"; }));

  // Made smaller while all slots but the last are in use.
  Finish({"create", "many", "--slots", "3"});
  std::string last;
  for (int i = 0; i < 3; ++i) {
    const Json held = Result({"acquire", "many", "-o", "json"});
    if (held["slot"] == 2) last = held["handle"];
  }
  Finish({"release", last});
  Finish({"resize", "many", "--slots", "1", "--wait", "0s"}, 75);
  EXPECT_EQ(Status("many")["slot"][2]["state"], "retired");

  Result({"ls", "-o", "json"});
  EXPECT_THAT(schema_.faults(), IsEmpty());
  EXPECT_THAT(schema_.Unseen({"version", "explain", "status", "ls", "acquire"}), IsEmpty());
}

TEST_F(OutputSchemaTest, TheLogIsAsDocumented) {
  Finish({"status", "unknown"}, 66);
  // It leaves a process behind.
  Finish({"run", "left", "--purpose", "p", "--", "sh", "-c", "sleep 1000 &"});
  // A leader's hook fails.
  Finish({"elect", "led", "--on-start", "exit 3", "--", "true"}, 3);

  // A stopped monopod is broken; when it goes on, somebody else holds the lock.
  const Arguments claim = {"run", "stopped", "--ttl", "1m",  "--purpose",
                           "p",   "--",      "sleep", "1000"};
  Process& stopped = StartUntil("acquired", claim);
  stopped.Signal(SIGSTOP);
  Finish({"break", "stopped", "--token", TokenOf("stopped"), "--reason", "r"});
  Process& successor = StartUntil("recovering", claim);
  Finish({"run", "stopped", "--no-wait", "--", "true"}, 75);
  Finish({"run", "stopped", "--wait", "10ms", "--", "true"}, 75);
  stopped.Signal(SIGCONT);
  EXPECT_EQ(stopped.Wait(), 122) << stopped.err();
  successor.Signal(SIGTERM);
  EXPECT_EQ(successor.Wait(), 128 + SIGTERM);

  // One hold is broken, another one's monopod is killed; both are replaced.
  const auto run = [](const std::string& lock, const std::string& command) {
    return Arguments{"run", lock, "--ttl", "2s", "--lock-delay", "100ms", "--", command, "1000"};
  };
  Process& broken = StartUntil("acquired", run("broken", "sleep"));
  Process& killed = StartUntil("acquired", run("killed", "sleep"));
  Finish({"break", "broken", "--token", TokenOf("broken"), "--reason", "r"});
  killed.Signal(SIGKILL);
  Process& after_break = Start(run("broken", "true"));
  Process& after_kill = Start(run("killed", "true"));
  EXPECT_EQ(after_break.Wait(), 0) << after_break.err();
  EXPECT_EQ(after_kill.Wait(), 0) << after_kill.err();
  EXPECT_EQ(broken.Wait(), 122) << broken.err();

  CheckLog();
  EXPECT_THAT(schema_.faults(), IsEmpty());
  EXPECT_THAT(schema_.Unseen({"Fields of the log", "Events", "Notices"}), IsEmpty());
}

constexpr const char* kDocument = R"(
### `thing`
| field | type | present | meaning |
|---|---|---|---|
| `name` | string | always | |
| `part` | array of objects | sometimes | |
| `part[].state` | one of `free`, `held` | always | |
| `part[].since` | time | while held | |
### Fields of the log
| field | type | present | meaning |
|---|---|---|---|
| `time` | time | always | |
| `event` | string | always | |
| `lock` | string | see below | |
| `token` | integer | see below | |
### Events
| event | when | always | may have | meaning of the fields |
|---|---|---|---|---|
| `won` | it won | `lock` | `token` | |
)";

std::vector<std::string> FaultsOf(const std::string& text) {
  Schema schema(kDocument);
  schema.CheckResult("thing", Json::parse(text));
  return schema.faults();
}

std::vector<std::string> FaultsOfLine(const std::string& text) {
  Schema schema(kDocument);
  schema.CheckLogLine(text);
  return schema.faults();
}

TEST(SchemaTest, FindsEachFaultOfAResult) {
  const std::string time = R"("2026-11-21T08:00:00.000000Z")";
  EXPECT_THAT(FaultsOf(R"({"name": "a"})"), IsEmpty());
  EXPECT_THAT(FaultsOf(R"({"name": "a", "part": [{"state": "held", "since": )" + time + "}]}"),
              IsEmpty());
  EXPECT_THAT(FaultsOf("{}"), Contains(HasSubstr("name is missing")));
  EXPECT_THAT(FaultsOf("[]"), Contains(HasSubstr("not an object")));
  EXPECT_THAT(FaultsOf(R"({"name": 1})"), Contains(HasSubstr("name is not string")));
  EXPECT_THAT(FaultsOf(R"({"name": "a", "more": 1})"),
              Contains(HasSubstr("undocumented field more")));
  EXPECT_THAT(FaultsOf(R"({"name": "a", "part": {}})"), Contains(HasSubstr("part is not array")));
  EXPECT_THAT(FaultsOf(R"({"name": "a", "part": [{"state": "lost"}]})"),
              Contains(HasSubstr("part[].state is not one of")));
  EXPECT_THAT(FaultsOf(R"({"name": "a", "part": [{"state": "held"}]})"),
              Contains(HasSubstr("part[].since is missing")));
  EXPECT_THAT(FaultsOf(R"({"name": "a", "part": [{"state": "held", "since": "today"}]})"),
              Contains(HasSubstr("part[].since is not time")));
  EXPECT_THAT(FaultsOf(R"({"name": "a", "part": [{"state": "free", "since": )" + time + "}]}"),
              Contains(HasSubstr("nothing is held")));
}

TEST(SchemaTest, FindsEachFaultOfALogLine) {
  const std::string time = R"({"time": "2026-11-21T08:00:00.000000Z", )";
  EXPECT_THAT(FaultsOfLine(time + R"("event": "won", "lock": "a"})"), IsEmpty());
  EXPECT_THAT(FaultsOfLine("monopod: won"), Contains(HasSubstr("not a JSON object")));
  EXPECT_THAT(FaultsOfLine(time + R"("event": "won"})"), Contains(HasSubstr("won has no lock")));
  EXPECT_THAT(FaultsOfLine(time + R"("event": "drawn", "lock": "a"})"),
              Contains(HasSubstr("drawn is not documented")));
  EXPECT_THAT(FaultsOfLine(R"({"event": "won", "lock": "a"})"),
              Contains(HasSubstr("time is missing")));
  EXPECT_THAT(FaultsOfLine(time + R"("event": "won", "lock": "a", "token": "1"})"),
              Contains(HasSubstr("token is not integer")));
}

TEST(SchemaTest, NamesWhatNeverAppeared) {
  Schema schema(kDocument);
  schema.CheckResult("thing", Json::parse(R"({"name": "a", "part": [{"state": "free"}]})"));
  EXPECT_THAT(schema.Unseen({"thing"}),
              ::testing::ElementsAre("thing|part[].since", "thing|part[].state=held"));
  EXPECT_THAT(schema.Unseen({"Events"}), ::testing::ElementsAre("Events|won", "Events|won|token"));
}

}  // namespace
}  // namespace monopod::testing
