// A process of a trial: a server, a client, or a tool that is run to its end.
//
// Threads: one for all children.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "src/base/clock.h"

namespace monopod::faults {

struct ChildOptions {
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment;  // added to the own one
  std::string network;  // name of a network namespace; empty: the own one
  std::string log;      // what it writes to stderr is appended here
};

class Child {
 public:
  // Aborts the trial if there can be no process. stdin is empty; stdout is for ReadLines.
  explicit Child(const ChildOptions& options);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  // Kills and reaps it if it runs.
  ~Child();

  pid_t pid() const { return pid_; }
  int output() const { return output_; }  // to poll; -1 after its end
  void Signal(int signal) const;

  // The lines that have come since, without waiting.
  std::vector<std::string> ReadLines();
  // Whether it runs: false from the first call after its end on.
  bool IsRunning();
  // Neither it nor a descendant that has its stdout will write any more.
  bool IsSilent() const { return output_ < 0; }
  // Of one that does not run: the exit code, or 128 + the signal that ended it.
  int code() const { return code_; }

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  bool is_running_ = true;
  int code_ = -1;
  std::string unread_;
};

struct ToolResult {
  int code = 0;
  std::string out;
};
// Runs a tool to its end, which is killed after `patience` (then the code is 137).
ToolResult RunTool(std::vector<std::string> argv,
                   std::chrono::nanoseconds patience = std::chrono::seconds(30));
// And aborts the trial if it fails.
std::string MustRun(std::vector<std::string> argv);

// Reaps orphans of children, which fall to the first process of the sandbox.
void ReapOrphans();

[[noreturn]] void Abort(const std::string& why);

}  // namespace monopod::faults
