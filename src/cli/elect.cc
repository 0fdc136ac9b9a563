// monopod elect: lead, or wait until nobody else does.
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "monopod/election.h"
#include "src/base/duration.h"
#include "src/base/identity.h"
#include "src/cli/claim_flags.h"
#include "src/cli/command_end.h"
#include "src/cli/commands.h"
#include "src/cli/interrupt.h"
#include "src/cli/leader_work.h"
#include "src/election/announcement.h"
#include "src/kube/client/client.h"

namespace monopod::cli {
namespace {

constexpr std::chrono::seconds kLabelTimeout(5);

constexpr const char* kFooter = R"(Examples:
  monopod elect scheduler -- ./schedule                   in each replica; one of them runs it
  monopod elect vip --on-start ./take-address --on-stop ./drop-address
  monopod elect web --label-pod -- ./serve                a Service with the selector
                                                          monopod.dev/leader=true reaches the leader
  monopod elect db --priority 10 -- ./primary             preferred to those with less

Candidates wait for ever. When the leader stops (SIGTERM), crashes or cannot renew, another one takes
over. The command is stopped before that, as by `monopod run`. When it ends by itself, the leadership is
given back, and its exit code is this command's. When the leadership is lost, this command ends with 122:
let kubelet, systemd or whoever started it start it again. It campaigns again by itself after it has made
way for a candidate of higher priority, and, if it has no command, after a loss.

SIGTERM and SIGINT: the command gets them, and KILL when it has not ended by the deadlines; then the hook
--on-stop runs, the lock is given back, and the next candidate begins.

Hooks are run by /bin/sh -c, with MONOPOD_LOCK, MONOPOD_TOKEN, MONOPOD_HOLDER and MONOPOD_STORE, as is the
command. If --on-start fails, the leadership is given back, and its exit code is this command's. --on-stop
runs at the end of each leadership, also then, if there is time: never after the time at which the
command must be dead.)";

struct ElectFlags {
  std::string name;
  TimesFlags times;
  std::string on_start;
  std::string on_stop;
  std::string hook_timeout = "10s";
  std::optional<int> priority;
  bool label_pod = false;
  bool cgroup = true;
  std::string lock_delay = "0s";
  std::string foreign_ttl;
  std::string purpose = "leader election";
};

struct Parsed {
  ElectionOptions election;
  std::chrono::nanoseconds hook_timeout{};
};

Result<Parsed> Parse(const ElectFlags& flags) {
  Parsed parsed{
      .election = {.name = flags.name, .priority = flags.priority, .purpose = flags.purpose}};
  const auto times = flags.times.Parse();
  if (!times) return Fail(times.error());
  parsed.election.times = *times;
  const auto delay = ParseDurationFlag("--lock-delay", flags.lock_delay);
  if (!delay) return Fail(delay.error());
  parsed.election.lock_delay = *delay;
  if (!flags.foreign_ttl.empty()) {
    const auto foreign = ParseDurationFlag("--foreign-ttl", flags.foreign_ttl);
    if (!foreign) return Fail(foreign.error());
    parsed.election.foreign_ttl = *foreign;
  }
  const auto limit = ParseDurationFlag("--hook-timeout", flags.hook_timeout);
  if (!limit) return Fail(limit.error());
  parsed.hook_timeout = *limit;
  // Before any process is started.
  const auto allowed = LockClient::Check(flags.name, {.times = parsed.election.times,
                                                      .lock_delay = parsed.election.lock_delay,
                                                      .foreign_ttl = parsed.election.foreign_ttl,
                                                      .purpose = flags.purpose});
  if (!allowed) return Fail(allowed.error());
  const auto named = election::CheckElectionName(flags.name, flags.priority.has_value());
  if (!named) return Fail(named.error());
  return parsed;
}

Result<std::unique_ptr<election::PodLabel>> OpenLabel(const KubernetesLogin& login) {
  const Identity identity = IdentityFromEnvironment();
  if (std::getenv("POD_NAME") == nullptr ||  // NOLINT(concurrency-mt-unsafe): before any thread
      identity.namespace_.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "--label-pod needs POD_NAME and POD_NAMESPACE in the environment; set them by the "
                "Downward API (fieldRef: metadata.name and metadata.namespace)");
  }
  auto access = kube::ResolveAccess(
      {.kubeconfig = login.kubeconfig, .context = login.context}, [](const char* name) {
        const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
        return std::string(value == nullptr ? "" : value);
      });
  if (!access) return Fail(std::move(access.error()));
  return std::make_unique<election::PodLabel>(
      kube::MakeClient(std::move(*access)),
      election::PodLabel::Pod{.name = identity.name, .namespace_ = identity.namespace_});
}

// What one life of `elect` came to.
struct LifeEnd {
  int exit_code = kOk;
  bool again = false;
};

class Life {
 public:
  Life(const Context& context, Parsed parsed, LeaderWork& work)
      : context_(context),
        parsed_(std::move(parsed)),
        has_command_(!context.command.empty()),
        work_(work) {}

  LifeEnd Run() {
    auto election = Open();
    if (!election) return {.exit_code = context_.Fail(election.error())};
    auto interrupt =
        Interrupt::Start({.log = context_.log, .reap = [this] { work_.ReapOrphans(); }});
    if (!interrupt) return {.exit_code = context_.Fail(interrupt.error())};
    interrupt_ = std::move(*interrupt);
    store_ = election->client().store();
    const std::stop_callback on_signal(interrupt_->stop(), [this] { stop_.request_stop(); });
    const auto end = election->Run(stop_.get_token());
    if (!end) return {.exit_code = context_.Fail(end.error())};
    return Judge(*end);
  }

 private:
  Result<Election> Open();
  LifeEnd Judge(const ElectionEnd& end);
  void Note(std::string_view message) const {
    context_.log->Write(observe::AttemptLog::Notice{
        .kind = "election", .lock = parsed_.election.name, .store = {}, .message = message});
  }

  const Context& context_;
  const Parsed parsed_;
  const bool has_command_;
  LeaderWork& work_;
  std::unique_ptr<Interrupt> interrupt_;
  std::string store_;
  std::stop_source stop_;
};

Result<Election> Life::Open() {
  auto client = context_.MakeClientOptions();
  if (!client) return Fail(std::move(client.error()));
  ElectionOptions options = parsed_.election;
  options.on_deadlines = [this](std::chrono::nanoseconds term_at,
                                std::chrono::nanoseconds kill_at) {
    work_.SetDeadlines({.term = BootTime(term_at), .kill = BootTime(kill_at)});
  };
  options.on_started = [this](const Leadership& leadership, const std::stop_token& over) {
    // The command's guardian takes the signals from here on. One may have come too late to give up
    // the claim; then `over` says so.
    if (interrupt_->Stop() == 0) work_.Lead(leadership, store_, over);
  };
  // One life leads once: its guardians are used up.
  options.on_stopped = [this](const Leadership& leadership) {
    if (leadership.end() == LeadershipEnd::kPreferred) {
      Note("a candidate with higher priority waits; the leadership is given back");
    }
    stop_.request_stop();
  };
  options.on_retry = [this](const Error& error, std::chrono::nanoseconds wait) {
    Note(fmt::format("{}; trying again in {}", error.message, FormatDuration(wait)));
  };
  auto election = Election::Open(std::move(*client), std::move(options));
  if (election) context_.Announce(election->client());
  return election;
}

LifeEnd Life::Judge(const ElectionEnd& end) {
  const int signal = interrupt_->Stop() != 0 ? interrupt_->Stop() : work_.signal();
  const bool lost = end.last == LeadershipEnd::kLost ||
                    (end.release_error && end.release_error->code == ErrorCode::kNotHolder);
  if (end.release_error && !lost) context_.Fail(*end.release_error);
  if (work_.command_end()) PassOnInterrupt(*work_.command_end());
  if (work_.exit_code() && !lost) return {.exit_code = *work_.exit_code()};
  if (lost && work_.exit_code()) {
    // The command ended as the lock was lost: its last work may be fenced off.
    const std::string why =
        end.release_error ? end.release_error->message : "the leadership was lost";
    return {
        .exit_code = context_.Fail(
            kLost, fmt::format("{}; the command was stopped or its work may be fenced off", why))};
  }
  if (signal != 0) return {.exit_code = kSignalBase + signal};
  if (end.last == LeadershipEnd::kPreferred) return {.exit_code = kLost, .again = true};
  Note("the leadership was lost; the work was stopped");
  return {.exit_code = kLost, .again = !has_command_};
}

// Begins anew, as if just started, since a guardian can be forked only by a process without
// threads. Returns only if that fails.
int StartAgain(const Context& context, const struct sigaction& pipe_action) {
  sigaction(SIGPIPE, &pipe_action, nullptr);
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  for (std::string argument; std::getline(file, argument, '\0');) arguments.push_back(argument);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  execv("/proc/self/exe", argv.data());
  return context.Fail(kLost, "cannot start again to go on campaigning; the leadership is over");
}

int Elect(const ElectFlags& flags, const Context& context) {
  if (!context.command.empty() && context.command.front().empty()) {
    return context.Fail(kUsage, "the command behind -- has no name");
  }
  if (context.command.empty() && flags.on_start.empty() && !flags.label_pod) {
    return context.Fail(kUsage,
                        fmt::format("a leader would do nothing: monopod elect {} -- COMMAND "
                                    "[ARG...], or --on-start, or --label-pod",
                                    flags.name));
  }
  auto parsed = Parse(flags);
  if (!parsed) return context.Fail(parsed.error());

  // Who began again, as /proc/self/exe, is called "exe".
  prctl(PR_SET_NAME, "monopod");
  struct sigaction pipe_action{};
  LifeEnd end;
  {
    supervise::BlockForwardedSignals();
    auto work = LeaderWork::Prepare({.on_start = flags.on_start,
                                     .on_stop = flags.on_stop,
                                     .command = context.command,
                                     .cgroup = flags.cgroup,
                                     .hook_timeout = parsed->hook_timeout},
                                    context);
    if (!work) return context.Fail(work.error());
    // From here on a reader that went away must not end this process, which keeps the lock.
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, &pipe_action);
    if (flags.label_pod) {
      auto label = OpenLabel(context.kubernetes);
      if (!label) return context.Fail(label.error());
      // An earlier life of this pod may have left it. If the API server cannot be reached, that
      // must not keep this candidate from waiting: it goes on trying meanwhile.
      const auto removed = (*label)->TakeOff(BootClock::now() + kLabelTimeout);
      if (!removed) {
        const int code = context.Fail(removed.error());
        if (removed.error().code != ErrorCode::kUnavailable &&
            removed.error().code != ErrorCode::kIndeterminate) {
          return code;
        }
      }
      (*work)->SetLabel(std::move(*label), removed.has_value());
    }
    end = Life(context, std::move(*parsed), **work).Run();
  }
  return end.again ? StartAgain(context, pipe_action) : end.exit_code;
}

}  // namespace

void AddElect(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("elect", "Lead, with a command or hooks, or wait to lead");
  command->footer(kFooter);
  const auto flags = std::make_shared<ElectFlags>();
  AddLockArgument(*command, flags->name)->required();
  flags->times.Add(*command);
  command->add_option("--on-start", flags->on_start, "Run this when the leadership begins, first")
      ->type_name("COMMAND");
  command->add_option("--on-stop", flags->on_stop, "Run this when it ends, before it is given back")
      ->type_name("COMMAND");
  command->add_option("--hook-timeout", flags->hook_timeout, "How long each of these may take")
      ->capture_default_str()
      ->type_name("DURATION");
  command
      ->add_option("--priority", flags->priority,
                   "Give way to candidates with more, and expect it of those with less; all "
                   "candidates should have one")
      ->check(WholeNumber(0, election::kMaxPriority))
      ->type_name("N");
  command->add_flag("--label-pod", flags->label_pod,
                    "Label this pod monopod.dev/leader=true while it leads");
  command
      ->add_option("--lock-delay", flags->lock_delay,
                   "More waiting after a leader that did not end clean")
      ->capture_default_str()
      ->type_name("DURATION");
  command
      ->add_option("--foreign-ttl", flags->foreign_ttl,
                   "Treat leaders that are not monopod as stale after so long a silence")
      ->type_name("DURATION");
  command->add_option("--purpose", flags->purpose, "What for: shown to others; no secrets")
      ->capture_default_str()
      ->type_name("TEXT");
  command->add_flag("!--no-cgroup", flags->cgroup,
                    "Do not give the command a cgroup of its own, also where that is possible");
  command->callback(
      [flags, &context] { context.action = [flags, &context] { return Elect(*flags, context); }; });
}

}  // namespace monopod::cli
