// monopod run: a command under a lock.
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <utility>

#include "src/base/wait.h"
#include "src/cli/claim_flags.h"
#include "src/cli/command_end.h"
#include "src/cli/commands.h"
#include "src/cli/interrupt.h"
#include "src/supervise/guardian.h"

namespace monopod::cli {
namespace {

constexpr const char* kFooter = R"(Examples:
  monopod run reboot -- ./reboot-this-node
  monopod run backup --no-wait -E 0 -- ./backup.sh        a CronJob that must not overlap
  monopod run deploy --wait forever --ttl 60s -- make deploy
  monopod run rebuild --slots 3 -- ./rebuild-one          at most three at a time

The command gets MONOPOD_LOCK, MONOPOD_TOKEN, MONOPOD_HOLDER and MONOPOD_STORE. It is stopped (TERM,
then KILL, with everything that it started) before another holder may begin; `monopod explain`
prints when. When it ends, whatever it left running is ended before the lock is released.)";

struct RunFlags {
  std::string lock;
  ClaimFlags claim;
  bool cgroup = true;
};

// Never lets an exception out: unwinding would release the lock while the command works.
int Supervise(supervise::Guardian& guardian, Lock& lock, const LockClient& client,
              const Context& context) noexcept {
  const auto notice = [&](std::string_view message) {
    context.log->Write(observe::AttemptLog::Notice{
        .kind = "command", .lock = lock.name(), .store = {}, .message = message});
  };
  const auto end = guardian.Run({.environment = EnvironmentOf({.lock = lock.name(),
                                                               .token = lock.token(),
                                                               .holder = lock.holder().name,
                                                               .store = client.store()}),
                                 .notice = notice},
                                lock.lost());
  if (!end && end.error().code == ErrorCode::kIndeterminate) {
    // Something may still run: the lock must expire by itself, so nothing is released.
    context.Fail(kLost, end.error().message);
    _exit(kLost);
  }
  const int code =
      end ? ExitCodeOf(*end, context.command.front(), context) : context.Fail(end.error());
  const bool stopped = end && end->kind == supervise::CommandEnd::Kind::kStopped;
  if (stopped) {
    // The guardian may act a few milliseconds before the keeper does, which then says why.
    WaitUntil(BootClock::now() + std::chrono::seconds(1), lock.lost());
    notice("the command was stopped: its lock was lost");
  }
  // A lost lock frees itself anyway; giving it back early is a courtesy.
  const auto released =
      lock.lost().stop_requested() ? lock.Release(std::chrono::seconds(1)) : lock.Release();
  if (end) PassOnInterrupt(*end);
  if (released) return code;
  if (released.error().code == ErrorCode::kNotHolder || stopped) {
    return context.Fail(kLost, fmt::format("{}; the command was stopped or its work may be fenced "
                                           "off",
                                           released.error().message));
  }
  // The command's own code would hide nothing: the work was done while the lock was held.
  context.Fail(released.error());
  return code;
}

int Run(const RunFlags& flags, const Context& context) {
  if (context.command.empty() || context.command.front().empty()) {
    return context.Fail(kUsage,
                        fmt::format("no command: monopod run {} -- COMMAND [ARG...]", flags.lock));
  }
  auto options = flags.claim.Parse();
  if (!options) return context.Fail(options.error());
  const auto allowed = LockClient::Check(flags.lock, *options);
  if (!allowed) return context.Fail(allowed.error());

  supervise::BlockForwardedSignals();
  auto guardian = supervise::Guardian::Fork(context.command, {.cgroup = flags.cgroup});
  if (!guardian) return context.Fail(guardian.error());
  auto client = context.OpenClient(true);
  if (!client) return context.Fail(client.error());

  options->on_deadlines = [&guardian](std::chrono::nanoseconds term_at,
                                      std::chrono::nanoseconds kill_at) {
    guardian->SetDeadlines({.term = BootTime(term_at), .kill = BootTime(kill_at)});
  };
  // From here on a reader that went away must not end this process, which keeps the lock.
  std::signal(SIGPIPE, SIG_IGN);
  const auto interrupt =
      Interrupt::Start({.log = context.log, .reap = [&guardian] { guardian->ReapOrphans(); }});
  if (!interrupt) return context.Fail(interrupt.error());
  options->cancel = (*interrupt)->stop();
  auto acquired = client->Acquire(flags.lock, *options);
  // It may have come too late to give up the claim, and too early for the command.
  const int signal = (*interrupt)->Stop();
  if (!acquired) return context.Fail(acquired.error());
  if (!acquired->lock && signal == 0) return flags.claim.busy_exit_code;
  if (signal != 0) return kSignalBase + signal;
  return Supervise(*guardian, *acquired->lock, *client, context);
}

}  // namespace

void AddRun(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("run", "Run a command while holding a lock");
  command->footer(kFooter);
  const auto flags = std::make_shared<RunFlags>();
  AddLockArgument(*command, flags->lock)->required();
  flags->claim.Add(*command);
  command->add_flag("!--no-cgroup", flags->cgroup,
                    "Do not give the command a cgroup of its own, also where that is possible");
  command->callback(
      [flags, &context] { context.action = [flags, &context] { return Run(*flags, context); }; });
}

}  // namespace monopod::cli
