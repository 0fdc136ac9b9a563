// What the tests of the commands share: a store of their own, and work that finds out by itself
// whether it overlaps with another holder's.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/commands/test_store.h"
#include "tests/support/process.h"

namespace monopod::testing {

using Arguments = std::vector<std::string>;

class CommandTest : public ::testing::Test {
 protected:
  CommandTest() {
    // Every descendant of a command inherits descriptor 9; the kernel lets its lock go when the
    // last of them is dead. So a later command that finds it taken overlaps with an earlier tree.
    WriteFile(directory_.File("work.sh"), R"(exec 9>>"$DIR/alive"
flock -n 9 || echo "overlap $MONOPOD_TOKEN" >>"$DIR/log"
echo "begin $MONOPOD_TOKEN" >>"$DIR/log"
)");
  }

  virtual std::string store() const { return store_->Url(); }
  std::string Log() const { return ReadFile(directory_.File("log")); }

  static Arguments Words(Arguments first, const Arguments& rest) {
    first.insert(first.end(), rest.begin(), rest.end());
    return first;
  }

  // What a monopod needs to use the test's own store, and its work to say so.
  ProcessOptions InEnvironment(ProcessOptions options = {}) const {
    options.environment.emplace_back("MONOPOD_STORE", store());
    options.environment.emplace_back("DIR", directory_.path());
    for (const auto& variable : store_->Environment()) options.environment.push_back(variable);
    return options;
  }
  std::string ttl() const { return store_->ShortTtl(); }

  // The test's lock is called `x`, here and in the arguments of Monopod(), up to the "--".
  std::string LockName(const std::string& lock) const {
    return lock == "x" || lock.starts_with("x.") ? store_->LockName(lock) : lock;
  }
  // monopod with the flags that its store needs.
  Arguments Program() const { return Words({MONOPOD_BINARY}, store_->Flags()); }

  // monopod with the test's own store.
  Process Monopod(Arguments arguments, ProcessOptions options = {}) const {
    for (std::string& argument : arguments) {
      if (argument == "--") break;
      argument = LockName(argument);
    }
    return Process(Words(Program(), arguments), InEnvironment(std::move(options)));
  }

  // `monopod run x FLAGS -- sh -c SCRIPT`, where the script begins with the overlap check.
  Process Run(const Arguments& flags, const std::string& script,
              const ProcessOptions& options = {}) const {
    return Monopod(
        Words(Words({"run", "x"}, flags), {"--", "sh", "-c", ". \"$DIR/work.sh\"\n" + script}),
        options);
  }

  // The checkout may be where only root may look.
  std::string BinaryForEveryone() const {
    const std::string copy = directory_.File("monopod");
    std::filesystem::copy_file(MONOPOD_BINARY, copy, std::filesystem::copy_options::skip_existing);
    return copy;
  }

  struct Ended {
    int code = 0;
    std::string out;
    std::string err;
  };
  Ended Finish(const Arguments& arguments) const {
    Process process = Monopod(arguments);
    Ended ended;
    ended.code = process.Wait();
    ended.out = process.out();
    ended.err = process.err();
    return ended;
  }

  // As an administrator does whose store does not answer at once: 69 says that nothing happened.
  Ended Ask(const Arguments& arguments) const {
    Ended ended;
    Eventually([&] {
      ended = Finish(arguments);
      return ended.code != 69;
    });
    return ended;
  }

  // Some stores forget a lock that nobody holds.
  bool IsFree(const std::string& lock) const {
    const Ended status = Ask({"status", lock});
    return status.code == 66 || status.out.find("free") != std::string::npos;
  }

  // The tokens of the "begin" lines, in order.
  std::vector<unsigned long> TokensBegun() const {
    std::vector<unsigned long> tokens;
    std::istringstream log(Log());
    for (std::string line; std::getline(log, line);) {
      if (line.starts_with("begin ")) tokens.push_back(std::stoul(line.substr(6)));
    }
    return tokens;
  }

  // The largest number of "begin" lines without their "end" so far.
  int MostAtOnce() const {
    int now = 0;
    int most = 0;
    std::istringstream log(Log());
    for (std::string line; std::getline(log, line);) {
      if (line.starts_with("begin ")) most = std::max(most, ++now);
      if (line.starts_with("end ")) --now;
    }
    return most;
  }

  bool AwaitLog(const std::string& text) const {
    return Eventually([&] { return Log().find(text) != std::string::npos; });
  }

  void ExpectNoOverlap() const {
    EXPECT_THAT(Log(), ::testing::Not(::testing::HasSubstr("overlap")));
  }

  const TemporaryDirectory directory_;
  const std::unique_ptr<TestStore> store_ = MakeTestStore(directory_);
};

}  // namespace monopod::testing
