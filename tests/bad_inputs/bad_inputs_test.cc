// Every bad input of corpus.txt is refused, with its exit code and a message that says what is
// wrong, and loses nothing. Each is a run of monopod, in a folder with the files of the corpus, on
// a store of its own in which there are some locks.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/bad_inputs/corpus.h"
#include "tests/support/process.h"

namespace monopod::testing {
namespace {

// What a person reads: the messages of the log, which is JSON where there is no terminal.
std::string MessagesIn(const std::string& log) {
  std::string messages;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const auto parsed = nlohmann::json::parse(line, nullptr, false);
    messages += parsed.is_object() ? parsed.value("detail", line) : line;
    messages += '\n';
  }
  return messages;
}

class BadInputsTest : public ::testing::Test {
 protected:
  BadInputsTest() {
    Must({"create", "three", "--slots", "3"});
    Must({"run", "free", "--", "true"});
    handle_ = Must({"acquire", "held", "--sticky"});
    handle_.pop_back();
    std::istringstream fields(handle_);
    for (int i = 0; i < 3; ++i) std::getline(fields, token_, ':');
    corpus_ = ReadCorpus(ReadFile(MONOPOD_SOURCE_DIR "/tests/bad_inputs/corpus.txt"),
                         {{"HANDLE", handle_}, {"TOKEN", token_}});
    for (const auto& [name, content] : corpus_.files) WriteFile(directory_.File(name), content);
    std::filesystem::create_directory(directory_.File("folder"));
    std::filesystem::create_symlink("loop", directory_.File("loop"));
    Sqlite("foreign.db", "CREATE TABLE t (a)");
    Sqlite("newer.db", "PRAGMA application_id = 0x6d6f6e6f; PRAGMA user_version = 2");
  }

  Process Start(const BadInput& input) const {
    const std::string& folder = directory_.path();
    ProcessOptions options{.before_exec = [&folder] {
      if (chdir(folder.c_str()) != 0) _exit(99);
    }};
    options.environment = {{"MONOPOD_STORE", "sqlite:" + directory_.File("locks.db")},
                           {"HOME", folder}};
    for (const char* name :
         {"ETCDCTL_CACERT", "ETCDCTL_CERT", "ETCDCTL_ENDPOINTS", "ETCDCTL_INSECURE_SKIP_TLS_VERIFY",
          "ETCDCTL_KEY", "ETCDCTL_PASSWORD", "ETCDCTL_USER", "HTTPS_PROXY", "KUBECONFIG",
          "KUBERNETES_SERVICE_HOST", "MONOPOD_LOCK", "MONOPOD_TOKEN", "NODE_NAME", "NO_PROXY",
          "POD_NAME", "POD_NAMESPACE", "XDG_STATE_HOME", "https_proxy"}) {
      options.environment.emplace_back(name, "");
    }
    for (const auto& variable : input.environment) options.environment.push_back(variable);
    std::vector<std::string> argv = {MONOPOD_BINARY};
    argv.insert(argv.end(), input.arguments.begin(), input.arguments.end());
    return Process(argv, options);
  }

  // Its output.
  std::string Must(const std::vector<std::string>& arguments) const {
    Process process = Start({.arguments = arguments});
    EXPECT_EQ(process.Wait(), 0) << process.err();
    return process.out();
  }

  void Sqlite(const std::string& name, const std::string& statements) const {
    Process process({"sqlite3", directory_.File(name), statements});
    EXPECT_EQ(process.Wait(), 0) << process.err();
  }

  // All that a bad input might have changed: the files, and what the locks are. (Those of the store
  // itself change with every look at it.)
  std::map<std::string, std::string> World() const {
    std::map<std::string, std::string> world;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
      const std::string name = entry.path().filename();
      if (name.starts_with("locks.db")) continue;
      world[name] = !entry.is_symlink() && entry.is_regular_file() ? ReadFile(entry.path()) : "";
    }
    world["the locks"] = Must({"ls", "-o", "json"});
    return world;
  }

  void ExpectRefused(const BadInput& input) const {
    Process process = Start(input);
    const int code = process.Wait();
    const std::string messages = MessagesIn(process.err());
    const std::string where =
        "corpus.txt:" + std::to_string(input.line) + ": monopod " + input.text + "\n" + messages;
    EXPECT_EQ(code, input.code) << where;
    EXPECT_TRUE(Matches(input.pattern, messages)) << where << "not: " << input.pattern;
    EXPECT_EQ(process.out(), "") << where;
  }

  const TemporaryDirectory directory_;
  std::string handle_;
  std::string token_;
  Corpus corpus_;
};

TEST_F(BadInputsTest, EachIsRefusedWithItsCodeAndMessageAndLosesNothing) {
  EXPECT_TRUE(corpus_.mistakes.empty()) << corpus_.mistakes.front();
  EXPECT_GE(corpus_.inputs.size(), 300U);
  const auto before = World();
  for (const BadInput& input : corpus_.inputs) {
    EXPECT_TRUE(input.code != 0 && !input.pattern.empty()) << input.line;
    ExpectRefused(input);
  }
  EXPECT_EQ(World(), before);
}

TEST(BadInputsCorpusTest, WordsAreReadAsAShellDoes) {
  const Corpus corpus = ReadCorpus(
      "A=1 B= run 'a b' \"c'd\" $'\\xff\\n' {ab*2}c $X ''\n  64 no *\n", {{"X", "value"}});
  ASSERT_EQ(corpus.inputs.size(), 1U);
  const BadInput& input = corpus.inputs.front();
  using Words = std::vector<std::string>;
  EXPECT_EQ(input.arguments, (Words{"run", "a b", "c'd", "\xff\n", "ababc", "value", ""}));
  EXPECT_EQ(input.environment.size(), 2U);
  EXPECT_EQ(input.code, 64);
  EXPECT_EQ(input.pattern, "no *");
}

TEST(BadInputsCorpusTest, APatternIsFoundAnywhereWithItsPartsInOrder) {
  EXPECT_TRUE(Matches("b*d", "abcde"));
  EXPECT_TRUE(Matches("", "abc"));
  EXPECT_FALSE(Matches("d*b", "abcde"));
  EXPECT_FALSE(Matches("b*b", "abc"));
}

}  // namespace
}  // namespace monopod::testing
