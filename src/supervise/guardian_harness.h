// Starts guardian_fixture as a small monopod and watches what becomes of it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "src/base/clock.h"
#include "src/supervise/file_descriptor.h"
#include "src/supervise/guardian.h"

namespace monopod::supervise {

// No test takes as long, unless something hangs.
BootTime Patience();

// Options for the fixture: the deadlines, in nanoseconds.
std::vector<std::string> DeadlineOptions(const Deadlines& deadlines);

class Harness {
 public:
  struct Start {
    std::vector<std::string> options;
    std::vector<std::string> command;
  };

  // Returns once monopod has forked its guardian, or failed to.
  explicit Harness(const Start& start);
  Harness(const Harness&) = delete;
  Harness& operator=(const Harness&) = delete;
  // Expects that monopod, the guardian and everything below end.
  ~Harness();

  pid_t monopod() const { return monopod_; }
  pid_t guardian() const { return guardian_; }  // 0 if it is in another PID namespace

  // "run", "lost", "deadlines TERM KILL"; see the fixture.
  void Tell(const std::string& line) const;
  void CloseInput() { input_.Close(); }

  // Reads the command's output until it contains `text`. False if it ends before.
  bool AwaitOutput(const std::string& text);
  // True if the command and all that hold its standard output are gone by `deadline`.
  bool TreeIsGone(BootTime deadline);
  const std::string& output() const { return output_; }

  // The next line of monopod that starts with `word`, without it: "end" tells how Run ended.
  // Nothing if monopod ends first.
  std::optional<std::string> AwaitReport(const std::string& word);

 private:
  void FindProcesses();
  std::optional<std::string> NextLine();

  pid_t monopod_ = 0;
  pid_t guardian_ = 0;
  FileDescriptor input_;
  FileDescriptor output_end_;
  FileDescriptor report_;
  FileDescriptor control_;
  std::string output_;
  std::string reported_;
};

}  // namespace monopod::supervise
