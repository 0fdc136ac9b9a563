// What a leader of `monopod elect` does: a hook, the command (or nothing, until it is told to
// stop), and another hook, each under a guardian of its own, so that each is dead before the next
// begins, and all before another leader may begin.
//
// Threads: SetDeadlines and ReapOrphans may be called by any; the rest belongs to the main thread.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "monopod/election.h"
#include "src/base/timer.h"
#include "src/cli/context.h"
#include "src/election/pod_label.h"
#include "src/supervise/guardian.h"

namespace monopod::cli {

struct LeaderSteps {
  // Run by /bin/sh -c; empty: none.
  std::string on_start;
  std::string on_stop;
  std::vector<std::string> command;  // empty: nothing runs between the hooks
  bool cgroup = true;
  std::chrono::nanoseconds hook_timeout;
};

class LeaderWork {
 public:
  // Forks a guardian for each step: call it before there is any thread. The context must outlive
  // it.
  static Result<std::unique_ptr<LeaderWork>> Prepare(LeaderSteps steps, const Context& context);
  LeaderWork(const LeaderWork&) = delete;
  LeaderWork& operator=(const LeaderWork&) = delete;

  // The label of this process's pod, to be put on while it leads. Not `is_off`: an earlier life has
  // left it on, perhaps; then a thread goes on taking it off until Lead or the destructor, which
  // wait two seconds for that at most.
  void SetLabel(std::unique_ptr<election::PodLabel> label, bool is_off);

  // Of the tenure, at each renewal.
  void SetDeadlines(supervise::Deadlines deadlines);
  void ReapOrphans() const;

  // Works until the command ends, `over` is requested, or SIGTERM or SIGINT comes; these must be
  // blocked and watched by nobody else. To be called at most once. Ends the process with kLost, and
  // leaves the lock to expire, if something of the work cannot be ended.
  void Lead(const Leadership& leadership, std::string_view store,
            const std::stop_token& over) noexcept;

  // After Lead: the exit code, if the work ended by itself or did not succeed in beginning.
  std::optional<int> exit_code() const { return exit_code_; }
  // After Lead: the signal that ended it, or 0.
  int signal() const { return signal_; }
  const std::optional<supervise::CommandEnd>& command_end() const { return command_end_; }

 private:
  LeaderWork(LeaderSteps steps, const Context& context)
      : steps_(std::move(steps)), context_(context) {}

  Result<void> Fork();
  bool Begin(const Leadership& leadership, const std::stop_token& over);
  void RunCommand(const std::stop_token& over);
  void AwaitEnd(const std::stop_token& over);
  void End(const Leadership& leadership);
  supervise::CommandEnd Run(supervise::Guardian& guardian, supervise::RunOptions options,
                            const std::stop_token& over);
  std::stop_token HookLimit(const std::stop_token& over);
  bool OnSignal(int signal);
  bool IsOver(const std::stop_token& over) const { return over.stop_requested() || signal_ != 0; }
  void TakeLabelOff(const std::stop_token& stop);
  void Note(std::string_view message) const;

  const LeaderSteps steps_;
  const Context& context_;
  std::unique_ptr<election::PodLabel> label_;
  // In the order in which they run.
  std::optional<supervise::Guardian> start_;
  std::optional<supervise::Guardian> command_;
  std::optional<supervise::Guardian> stop_;

  std::string lock_;
  std::vector<std::pair<std::string, std::string>> environment_;
  std::atomic<bool> is_leaving_ = false;  // the deadlines of the work do not move any more
  int signal_ = 0;
  std::optional<int> exit_code_;
  std::optional<supervise::CommandEnd> command_end_;
  std::list<std::stop_callback<std::function<void()>>> limits_;  // of hooks
  Timer timer_;
  std::jthread label_removal_;
};

}  // namespace monopod::cli
