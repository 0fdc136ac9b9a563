// A program as a user runs it: started, watched, signalled, waited for, each with a deadline.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "src/base/clock.h"

namespace monopod::testing {

// Longest that anything in these tests may take; a test that needs it has failed.
inline constexpr std::chrono::seconds kPatience(60);

struct ProcessOptions {
  std::vector<std::pair<std::string, std::string>> environment;  // added to the own one
  std::function<void()> before_exec;  // in the child: async-signal-safe calls only
};

// Threads: none. The destructor kills and reaps what is left.
class Process {
 public:
  explicit Process(std::vector<std::string> argv, const ProcessOptions& options = {});
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  ~Process();

  pid_t pid() const { return pid_; }

  // What it has written so far.
  const std::string& out() const { return out_; }
  const std::string& err() const { return err_; }

  // Reads until the output contains `text`; false if it does not by then, or ends without it.
  bool AwaitOut(const std::string& text, std::chrono::nanoseconds patience = kPatience);
  bool AwaitErr(const std::string& text, std::chrono::nanoseconds patience = kPatience);

  // After SIGSTOP all of its threads have stopped.
  void Signal(int signal) const;

  // Waits for the end of the program and of all its output. The exit code, 128 + the signal that
  // ended it, or -1 if it did not end in time.
  int Wait(std::chrono::nanoseconds patience = kPatience);

 private:
  bool Await(const std::function<bool()>& done, std::chrono::nanoseconds patience);
  bool Pump(std::chrono::nanoseconds patience);

  pid_t pid_ = -1;
  int pidfd_ = -1;
  int out_fd_ = -1;
  int err_fd_ = -1;
  bool reaped_ = false;
  int code_ = -1;
  std::string out_;
  std::string err_;
};

// A folder that is gone with the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, const std::string& content);

// Looks again and again, yielding in between, until `done` or `patience` has passed.
bool Eventually(const std::function<bool()>& done, std::chrono::nanoseconds patience = kPatience);

}  // namespace monopod::testing
