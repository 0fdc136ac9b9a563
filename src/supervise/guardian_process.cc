#include "src/supervise/guardian_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "src/supervise/command.h"
#include "src/supervise/messages.h"
#include "src/supervise/process_tree.h"

namespace monopod::supervise {
namespace {

using std::chrono::seconds;

// Between TERM and KILL for what the command left behind, and for everything once monopod
// is dead. A `kill` deadline that comes earlier counts.
constexpr seconds kLeftBehindGrace(2);
constexpr seconds kOrphanGrace(10);

class GuardianProcess {
 public:
  explicit GuardianProcess(GuardianSetup setup);

  // One turn: sleeps until something happens or is due, and does it. Ends the process when
  // the tree is dead.
  void Turn();

 private:
  bool started() const { return command_ != 0; }
  BootTime KillTime() const {
    return std::min(kill_at_, setup_.shared.deadlines.Load().deadlines.kill);
  }

  void Sleep();
  void ReadRequests();
  void OnMonopodDeath();
  void Start(const Request& request, std::string_view environment);
  void Forward(int signal) const;
  void OnExecuted();
  void LookAtChildren();
  void OnStopped(int signal);
  void OnCommandEnd(const siginfo_t& info);
  void TellTreeToStop() const;
  void KeepDeadlines();
  void Send(Report report) const;
  [[noreturn]] void Finish();

  GuardianSetup setup_;
  FileDescriptor children_;  // signalfd for SIGCHLD
  FileDescriptor timer_;
  FileDescriptor execution_;    // StartedCommand::failure, until it ended
  pid_t command_ = 0;           // its id, for good, once there was one
  bool command_ended_ = false;  // and was reaped
  bool stopping_ = false;       // the tree was told to stop because the tenure is over
  bool told_of_terminal_ = false;
  BootTime kill_at_ = BootTime::max();
  CommandEnd end_;
};

GuardianProcess::GuardianProcess(GuardianSetup setup) : setup_(std::move(setup)) {
  setpgid(0, 0);
  sigset_t signals;
  sigfillset(&signals);
  sigprocmask(SIG_SETMASK, &signals, nullptr);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  children_ = FileDescriptor(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  timer_ = FileDescriptor(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  // Monopod sees the death, and nothing was started.
  if (!children_.is_open() || !timer_.is_open()) _exit(EXIT_FAILURE);
}

void GuardianProcess::Turn() {
  Sleep();
  ReadRequests();
  // The deadlines before the children: a command whose end is seen only after `term` may have
  // worked past it, and does not count as having ended of its own accord.
  KeepDeadlines();
  LookAtChildren();
}

void GuardianProcess::Sleep() {
  if (started()) {
    const auto [deadlines, latched] = setup_.shared.deadlines.Load();
    const bool term_is_next = !stopping_ && !command_ended_ && !latched;
    const BootTime wake = term_is_next ? std::min(deadlines.term, kill_at_) : KillTime();
    itimerspec at{};
    // Zero would disarm the timer.
    at.it_value = ToTimespec(std::max(wake.time_since_epoch(), std::chrono::nanoseconds(1)));
    timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &at, nullptr);
  }
  std::array<pollfd, 4> fds = {{{.fd = setup_.control.get(), .events = POLLIN, .revents = 0},
                                {.fd = children_.get(), .events = POLLIN, .revents = 0},
                                {.fd = timer_.get(), .events = POLLIN, .revents = 0},
                                {.fd = execution_.get(), .events = POLLIN, .revents = 0}}};
  poll(fds.data(), fds.size(), -1);
  std::array<signalfd_siginfo, 8> signals{};
  std::uint64_t expirations = 0;
  [[maybe_unused]] auto got = read(children_.get(), signals.data(), sizeof signals);
  got = read(timer_.get(), &expirations, sizeof expirations);
  if (execution_.is_open() && fds[3].revents != 0) OnExecuted();
}

void GuardianProcess::ReadRequests() {
  while (setup_.control.is_open()) {
    const ssize_t size =
        recv(setup_.control.get(), nullptr, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (size <= 0) return OnMonopodDeath();
    std::string message(static_cast<std::size_t>(size), '\0');
    recv(setup_.control.get(), message.data(), message.size(), MSG_DONTWAIT);
    Request request;
    std::memcpy(&request, message.data(), sizeof request);
    switch (request.kind) {
      case Request::Kind::kStart: Start(request, message.substr(sizeof request)); break;
      case Request::Kind::kForward: Forward(request.signal); break;
      case Request::Kind::kStop: break;  // the latch says it; this only woke us
    }
  }
}

void GuardianProcess::OnMonopodDeath() {
  setup_.control.Close();
  if (!started()) Finish();
  setup_.shared.deadlines.Latch();
  kill_at_ = std::min(kill_at_, BootClock::now() + kOrphanGrace);
}

void GuardianProcess::Start(const Request& request, std::string_view environment) {
  CommandSetup setup{.argv = setup_.argv,
                     .environment = {},
                     .deadlines = setup_.shared.deadlines,
                     .cgroup = setup_.cgroup,
                     .terminal = request.hand_over_terminal ? &setup_.terminal : nullptr};
  while (!environment.empty()) {
    setup.environment.emplace_back(environment.data());
    environment.remove_prefix(setup.environment.back().size() + 1);
  }
  // The command looks again, at the last moment; this spares a fork and a terminal's change.
  if (setup_.shared.deadlines.LatchIfExpired(BootClock::now())) Finish();
  auto started = StartCommand(setup);
  if (!started) {
    end_ = {.kind = CommandEnd::Kind::kNotStarted, .code = errno};
    Finish();
  }
  command_ = started->id;
  setup_.shared.command = command_;
  execution_ = std::move(started->failure);
}

void GuardianProcess::Forward(int signal) const {
  if (!started() || command_ended_) return;
  kill(-command_, signal);
  // A stopped command would never see that it is to end.
  if (signal != SIGUSR1 && signal != SIGUSR2) kill(-command_, SIGCONT);
}

void GuardianProcess::OnExecuted() {
  int failure = 0;
  const bool failed = read(execution_.get(), &failure, sizeof failure) == sizeof failure;
  execution_.Close();
  if (failed && failure == kTenureOver) {
    stopping_ = true;
  } else if (failed) {
    end_ = {.kind = CommandEnd::Kind::kNotStarted, .code = failure};
  }
  const FileDescriptor null(open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    dup2(null.get(), standard);
  }
  std::array<int, 5> kept = {setup_.control.get(), children_.get(), timer_.get(),
                             setup_.terminal.descriptor(),
                             setup_.cgroup != nullptr ? setup_.cgroup->kill_descriptor() : -1};
  std::sort(kept.begin(), kept.end());
  unsigned first = STDERR_FILENO + 1;
  for (const int fd : kept) {
    if (fd < static_cast<int>(first)) continue;
    if (fd > static_cast<int>(first)) close_range(first, static_cast<unsigned>(fd) - 1, 0);
    first = static_cast<unsigned>(fd) + 1;
  }
  close_range(first, ~0U, 0);
}

void GuardianProcess::LookAtChildren() {
  while (started() && !command_ended_) {
    siginfo_t info{};
    if (waitid(P_PID, static_cast<id_t>(command_), &info, WSTOPPED | WNOHANG) == 0 &&
        info.si_pid == command_) {
      OnStopped(info.si_status);
    }
    info = {};
    // Looks first: the command's id and group must stay its own until they were signalled.
    waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL);
    if (info.si_pid == 0) return;
    if (info.si_pid == command_) return OnCommandEnd(info);
    waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED | __WALL);
  }
  if (started() && !ReapChildren()) Finish();
}

void GuardianProcess::OnStopped(int signal) {
  const bool from_terminal = signal == SIGTTIN || signal == SIGTTOU;
  if (signal == SIGTSTP || (from_terminal && setup_.terminal.IsForeground(command_))) {
    kill(-command_, SIGCONT);
    if (signal == SIGTSTP) Send({.kind = Report::Kind::kContinued});
  } else if (from_terminal && !std::exchange(told_of_terminal_, true)) {
    Send({.kind = Report::Kind::kWaitsForTerminal});
  }
}

void GuardianProcess::OnCommandEnd(const siginfo_t& info) {
  if (execution_.is_open()) OnExecuted();
  if (stopping_) {
    end_ = {.kind = CommandEnd::Kind::kStopped};
  } else if (end_.kind != CommandEnd::Kind::kNotStarted) {
    end_ = {.kind = info.si_code == CLD_EXITED ? CommandEnd::Kind::kExited
                                               : CommandEnd::Kind::kSignaled,
            .code = info.si_status};
  }
  if (!stopping_) {
    kill(-command_, SIGTERM);
    kill(-command_, SIGCONT);
  }
  siginfo_t reaped{};
  waitid(P_PID, static_cast<id_t>(command_), &reaped, WEXITED | __WALL);
  command_ended_ = true;
  if (!ReapChildren()) Finish();
  if (!stopping_) TellTreeToStop();
  kill_at_ = std::min(kill_at_, BootClock::now() + kLeftBehindGrace);
  Send({.kind = Report::Kind::kEndingLeftBehind});
}

void GuardianProcess::TellTreeToStop() const {
  if (!command_ended_) kill(-command_, SIGTERM);
  VisitDescendants([this](const Process& process) {
    // A second TERM means "at once" to some programs.
    if (process.group == command_) return;
    SignalProcess(process, SIGTERM);
    SignalProcess(process, SIGCONT);
  });
  if (!command_ended_) kill(-command_, SIGCONT);
}

void GuardianProcess::KeepDeadlines() {
  if (!started()) return;
  const BootTime now = BootClock::now();
  if (!command_ended_ && !stopping_ && setup_.shared.deadlines.LatchIfExpired(now)) {
    stopping_ = true;
    end_ = {.kind = CommandEnd::Kind::kStopped};
    TellTreeToStop();
    Send({.kind = Report::Kind::kStopping});
  }
  if (now >= KillTime()) Finish();
}

void GuardianProcess::Send(Report report) const {
  // Monopod may be stopped, and its buffer full; the guardian never waits for it.
  if (setup_.control.is_open()) {
    send(setup_.control.get(), &report, sizeof report, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

void GuardianProcess::Finish() {
  constexpr seconds kSuspicious(1);
  const BootTime begin = BootClock::now();
  bool told = false;
  EndTree({.cgroup = setup_.cgroup, .command_group = command_}, [&] {
    if (BootClock::now() >= begin + kSuspicious && !std::exchange(told, true)) {
      Send({.kind = Report::Kind::kSurvivors});
    }
    return true;
  });
  if (setup_.cgroup != nullptr) setup_.cgroup->Remove();
  if (started()) setup_.terminal.TakeBack();
  const Report report{.kind = Report::Kind::kEnd, .end = end_};
  // Now it may wait for a stopped monopod: nothing is left to be guarded.
  if (setup_.control.is_open()) {
    while (send(setup_.control.get(), &report, sizeof report, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
  }
  _exit(EXIT_SUCCESS);
}

}  // namespace

void RunGuardian(GuardianSetup setup) {
  GuardianProcess guardian(std::move(setup));
  for (;;) guardian.Turn();
}

}  // namespace monopod::supervise
