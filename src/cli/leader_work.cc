#include "src/cli/leader_work.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include "src/base/duration.h"
#include "src/base/wait.h"
#include "src/cli/command_end.h"
#include "src/cli/interrupt.h"

namespace monopod::cli {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;
using supervise::CommandEnd;
using supervise::Guardian;

constexpr seconds kLabelTimeout(3);
// For taking the label off when the leadership was lost and no time is left: late is better than
// never.
constexpr seconds kLateLabelTimeout(1);

std::vector<std::string> Shell(const std::string& command) { return {"/bin/sh", "-c", command}; }

std::string Describe(const CommandEnd& end) {
  switch (end.kind) {
    case CommandEnd::Kind::kExited: return fmt::format("ended with exit code {}", end.code);
    case CommandEnd::Kind::kSignaled: return fmt::format("was ended by signal {}", end.code);
    case CommandEnd::Kind::kNotStarted: return "cannot be run";
    case CommandEnd::Kind::kStopped: return "was stopped";
  }
  return {};
}

bool Succeeded(const CommandEnd& end) {
  return end.kind == CommandEnd::Kind::kExited && end.code == 0;
}

}  // namespace

Result<std::unique_ptr<LeaderWork>> LeaderWork::Prepare(LeaderSteps steps, const Context& context) {
  std::unique_ptr<LeaderWork> work(new LeaderWork(std::move(steps), context));
  if (auto forked = work->Fork(); !forked) return Fail(std::move(forked.error()));
  return work;
}

Result<void> LeaderWork::Fork() {
  const auto fork = [&](std::optional<Guardian>& guardian,
                        std::vector<std::string> argv) -> Result<void> {
    auto forked = Guardian::Fork(std::move(argv), {.cgroup = steps_.cgroup});
    if (!forked) return Fail(std::move(forked.error()));
    guardian.emplace(std::move(*forked));
    return {};
  };
  if (!steps_.on_start.empty()) {
    if (auto forked = fork(start_, Shell(steps_.on_start)); !forked) return forked;
  }
  if (!steps_.command.empty()) {
    if (auto forked = fork(command_, steps_.command); !forked) return forked;
  }
  if (!steps_.on_stop.empty()) {
    if (auto forked = fork(stop_, Shell(steps_.on_stop)); !forked) return forked;
  }
  return {};
}

void LeaderWork::SetLabel(std::unique_ptr<election::PodLabel> label, bool is_off) {
  label_ = std::move(label);
  if (is_off) return;
  try {
    label_removal_ = std::jthread([this](const std::stop_token& stop) { TakeLabelOff(stop); });
  } catch (const std::system_error&) {
    Note("no thread is left to take the leader's label off this pod");
  }
}

void LeaderWork::TakeLabelOff(const std::stop_token& stop) {
  const auto removed = label_->KeepTakingOff(stop);
  if (removed) {
    Note("the leader's label is off this pod now");
  } else if (!stop.stop_requested()) {
    Note(removed.error().message);
  }
}

void LeaderWork::SetDeadlines(supervise::Deadlines deadlines) {
  // Work that was asked to leave has as long as it had then, however long the lock is held.
  if (!is_leaving_) {
    if (start_) start_->SetDeadlines(deadlines);
    if (command_) command_->SetDeadlines(deadlines);
  }
  // The last hook runs between the work's end and `kill`.
  if (stop_) stop_->SetDeadlines({.term = deadlines.kill, .kill = deadlines.kill});
}

void LeaderWork::ReapOrphans() const {
  for (const auto* guardian : {&start_, &command_, &stop_}) {
    if (*guardian) return (*guardian)->ReapOrphans();
  }
}

void LeaderWork::Lead(const Leadership& leadership, std::string_view store,
                      const std::stop_token& over) noexcept {
  label_removal_ = std::jthread();  // ends it, and waits for that
  lock_ = leadership.election();
  environment_ = EnvironmentOf({.lock = lock_,
                                .token = leadership.token(),
                                .holder = leadership.leader().name,
                                .store = std::string(store)});
  if (Begin(leadership, over)) {
    if (command_) {
      RunCommand(over);
    } else {
      AwaitEnd(over);
    }
  }
  End(leadership);
}

// Whether the work may follow.
bool LeaderWork::Begin(const Leadership& leadership, const std::stop_token& over) {
  if (start_) {
    const CommandEnd end =
        Run(*start_,
            {.on_signal = [this](int signal) { return OnSignal(signal); }, .end_namespace = false},
            HookLimit(over));
    if (IsOver(over)) return false;
    if (!Succeeded(end)) {
      const bool late = end.kind == CommandEnd::Kind::kStopped;
      Note(fmt::format(
          "the hook --on-start {}; the leadership is given back",
          late ? "did not end within " + FormatDuration(steps_.hook_timeout) : Describe(end)));
      exit_code_ = late ? kSignalBase + SIGTERM : ExitCodeOf(end, "/bin/sh", context_);
      return false;
    }
  }
  if (label_ && !IsOver(over)) {
    const auto labeled = label_->PutOn(
        BootClock::now() + std::min<nanoseconds>(kLabelTimeout, leadership.time_left()));
    if (!labeled) {
      // Nobody would reach this leader.
      exit_code_ = context_.Fail(labeled.error());
      return false;
    }
  }
  return !IsOver(over);
}

void LeaderWork::RunCommand(const std::stop_token& over) {
  command_end_ = Run(*command_,
                     {.on_signal = [this](int signal) { return OnSignal(signal); },
                      .end_namespace = !stop_.has_value()},
                     over);
  if (command_end_->kind != CommandEnd::Kind::kStopped) {
    exit_code_ = ExitCodeOf(*command_end_, steps_.command.front(), context_);
    return;
  }
  // The guardian may act a few milliseconds before the keeper does, which then says why.
  if (signal_ == 0) WaitUntil(BootClock::now() + seconds(1), over);
  if (!IsOver(over)) exit_code_ = kLost;
}

void LeaderWork::AwaitEnd(const std::stop_token& over) {
  const auto interrupt = Interrupt::Start({.log = context_.log, .reap = [this] { ReapOrphans(); }});
  if (!interrupt) {
    exit_code_ = context_.Fail(interrupt.error());
    return;
  }
  std::stop_source end;
  const std::stop_callback on_over(over, [&end] { end.request_stop(); });
  const std::stop_callback on_signal((*interrupt)->stop(), [&end] { end.request_stop(); });
  WaitUntil(BootTime::max(), end.get_token());
  signal_ = (*interrupt)->Stop();
}

void LeaderWork::End(const Leadership& leadership) {
  if (label_) {
    // The last hook needs time, too.
    const nanoseconds timeout =
        std::clamp<nanoseconds>(leadership.time_left() / 2, kLateLabelTimeout, kLabelTimeout);
    if (const auto removed = label_->TakeOff(BootClock::now() + timeout); !removed) {
      context_.Fail(removed.error());
    }
  }
  if (!stop_) return;
  const CommandEnd end = Run(*stop_, {.on_signal = [](int /*signal*/) { return false; }},
                             HookLimit(std::stop_token()));
  if (!Succeeded(end)) Note(fmt::format("the hook --on-stop {}", Describe(end)));
}

CommandEnd LeaderWork::Run(Guardian& guardian, supervise::RunOptions options,
                           const std::stop_token& over) {
  options.environment = environment_;
  options.notice = [this](std::string_view message) {
    context_.log->Write(observe::AttemptLog::Notice{
        .kind = "command", .lock = lock_, .store = {}, .message = message});
  };
  auto end = guardian.Run(options, over);
  if (end) return *end;
  if (end.error().code == ErrorCode::kIndeterminate) {
    // Something may still run: the lock must expire by itself, so nothing is released.
    context_.Fail(kLost, end.error().message);
    _exit(kLost);
  }
  context_.Fail(end.error());
  return {.kind = CommandEnd::Kind::kNotStarted, .code = EAGAIN};
}

// Requested when a hook has lasted too long, or with `over`.
std::stop_token LeaderWork::HookLimit(const std::stop_token& over) {
  std::stop_source limit;
  const std::function<void()> end = [limit]() mutable { limit.request_stop(); };
  if (!timer_.At(BootClock::now() + steps_.hook_timeout, end)) {
    Note("no thread is left to limit the time of a hook");
  }
  limits_.emplace_back(over, end);
  return limit.get_token();
}

bool LeaderWork::OnSignal(int signal) {
  if (signal == SIGTERM || signal == SIGINT) {
    if (signal_ == 0) signal_ = signal;
    is_leaving_ = true;
  }
  return true;
}

void LeaderWork::Note(std::string_view message) const {
  context_.log->Write(observe::AttemptLog::Notice{
      .kind = "election", .lock = lock_, .store = {}, .message = message});
}

}  // namespace monopod::cli
