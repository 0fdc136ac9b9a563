#include "src/supervise/guardian.h"

#include <dirent.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
// glibc 2.36 forgot to give it C linkage.
extern "C" {
#include <sys/pidfd.h>
}
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
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

#include "src/supervise/cgroup.h"
#include "src/supervise/file_descriptor.h"
#include "src/supervise/guardian_process.h"
#include "src/supervise/messages.h"
#include "src/supervise/process_tree.h"
#include "src/supervise/shared_state.h"
#include "src/supervise/terminal.h"

namespace monopod::supervise {
namespace {

using std::chrono::milliseconds;

// A guardian that has not reported the tree's end so long after `kill` is killed.
constexpr milliseconds kGuardianGrace(50);
// The tree is over so long after `kill`, or Run says that it is not.
constexpr milliseconds kEndGrace(250);

// The background thread of the thread sanitizer runs no code of the program.
#if defined(__SANITIZE_THREAD__)
#define MONOPOD_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MONOPOD_THREAD_SANITIZER 1
#endif
#endif
#ifdef MONOPOD_THREAD_SANITIZER
constexpr int kMostThreads = 2;
#else
constexpr int kMostThreads = 1;
#endif

sigset_t TakenSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD}) {
    sigaddset(&signals, signal);
  }
  return signals;
}

Error FromErrno(std::string_view what) {
  return {ErrorCode::kUnavailable,
          fmt::format("{}: {}", what, std::generic_category().message(errno))};
}

int CountThreads() {
  const std::unique_ptr<DIR, int (*)(DIR*)> tasks(opendir("/proc/self/task"), closedir);
  int count = 0;
  while (const dirent* entry = tasks ? readdir(tasks.get()) : nullptr) {
    if (entry->d_name[0] != '.') ++count;
  }
  return count;
}

Result<void> CheckFork(const std::vector<std::string>& argv) {
  if (argv.empty()) return Fail(ErrorCode::kInvalidArgument, "no command given");
  for (const std::string& argument : argv) {
    if (argument.find('\0') != std::string::npos) {
      return Fail(ErrorCode::kInvalidArgument, "a command's argument contains a NUL byte");
    }
  }
  std::array<char, 32> self{};
  // With the /proc of another PID namespace the scans would signal strangers.
  if (readlink("/proc/self", self.data(), self.size() - 1) < 0 ||
      self.data() != std::to_string(getpid())) {
    return Fail(ErrorCode::kInvalidArgument,
                "/proc does not show this PID namespace; mount a proc file system on /proc to run "
                "a command under a lock");
  }
  if (const int threads = CountThreads(); threads < 1 || threads > kMostThreads) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("the guardian must be forked before threads are started, but there "
                            "are {}",
                            threads));
  }
  return {};
}

struct Unmap {
  void operator()(SharedState* state) const { munmap(state, sizeof *state); }
};
using SharedMemory = std::unique_ptr<SharedState, Unmap>;

SharedMemory MapSharedState() {
  void* memory =
      mmap(nullptr, sizeof(SharedState), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  return SharedMemory(
      new (memory) SharedState{.deadlines = SharedDeadlines(BootClock::now()), .command = 0});
}

}  // namespace

class Guardian::Impl {
 public:
  Impl(SharedMemory shared, const GuardianOptions& options)
      : shared_(std::move(shared)), cgroup_(options.cgroup ? Cgroup::Create() : std::nullopt) {}
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> Fork(std::vector<std::string> argv);
  Result<CommandEnd> Run(const RunOptions& options, const std::stop_token& lost);
  void ReapOrphans() const;

  SharedDeadlines& deadlines() { return shared_->deadlines; }

 private:
  const Cgroup* cgroup() const { return cgroup_ ? &*cgroup_ : nullptr; }
  Result<void> OpenDescriptors();
  Result<void> SendStart(const RunOptions& options);
  void Send(const Request& request) const;
  Result<CommandEnd> Supervise(const RunOptions& options, const std::stop_token& lost);
  void Sleep(BootTime until);
  std::optional<CommandEnd> ReadReports(const RunOptions& options);
  void Notify(const RunOptions& options, Report::Kind kind) const;
  void ReadSignals(const RunOptions& options);
  bool GuardianIsDead() const;
  void KillGuardian(pid_t guardian) const;
  void EndGuardian();
  Result<CommandEnd> StandIn(const RunOptions& options, const std::stop_token& lost);
  void EndNamespace() const;

  const SharedMemory shared_;
  const Terminal terminal_;
  const std::optional<Cgroup> cgroup_;
  FileDescriptor control_;
  FileDescriptor guardian_handle_;  // pidfd
  FileDescriptor signals_;
  FileDescriptor timer_;
  FileDescriptor lost_;  // eventfd
  pid_t guardian_ = 0;   // 0 once it was reaped
};

Guardian::Impl::~Impl() {
  if (guardian_ != 0) EndGuardian();
  if (cgroup_) cgroup_->Remove();
}

Result<void> Guardian::Impl::Fork(std::vector<std::string> argv) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return Fail(FromErrno("cannot connect to the guardian"));
  }
  control_ = FileDescriptor(ends[0]);
  FileDescriptor guardian_end(ends[1]);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  // Ignored, it would lose us how children end.
  std::signal(SIGCHLD, SIG_DFL);
  // From its first instruction on the guardian is deaf.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  guardian_ = fork();
  if (guardian_ == 0) {
    control_.Close();
    RunGuardian({.argv = std::move(argv),
                 .control = std::move(guardian_end),
                 .shared = *shared_,
                 .terminal = terminal_,
                 .cgroup = cgroup()});
  }
  const int fork_errno = errno;
  sigprocmask(SIG_SETMASK, &before, nullptr);
  if (guardian_ < 0) {
    guardian_ = 0;
    errno = fork_errno;
    return Fail(FromErrno("cannot fork the guardian"));
  }
  setpgid(guardian_, guardian_);
  guardian_handle_ = FileDescriptor(pidfd_open(guardian_, 0));
  if (!guardian_handle_.is_open()) return Fail(FromErrno("cannot watch the guardian"));
  return {};
}

Result<CommandEnd> Guardian::Impl::Run(const RunOptions& options, const std::stop_token& lost) {
  if (auto opened = OpenDescriptors(); !opened) return Fail(std::move(opened.error()));
  const std::stop_callback on_lost(lost, [this] { eventfd_write(lost_.get(), 1); });
  if (lost.stop_requested()) shared_->deadlines.Latch();
  if (auto sent = SendStart(options); !sent) return Fail(std::move(sent.error()));
  auto end = Supervise(options, lost);
  if (getpid() == 1 && options.end_namespace) EndNamespace();
  return end;
}

Result<void> Guardian::Impl::OpenDescriptors() {
  const sigset_t taken = TakenSignals();
  signals_ = FileDescriptor(signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.is_open()) return Fail(FromErrno("cannot take signals"));
  timer_ = FileDescriptor(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer_.is_open()) return Fail(FromErrno("cannot keep deadlines"));
  lost_ = FileDescriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!lost_.is_open()) return Fail(FromErrno("cannot watch the lock"));
  return {};
}

Result<void> Guardian::Impl::SendStart(const RunOptions& options) {
  const Request start{.kind = Request::Kind::kStart,
                      .hand_over_terminal = terminal_.HomeIsForeground()};
  std::string message(sizeof start, '\0');
  std::memcpy(message.data(), &start, sizeof start);
  for (const auto& [name, value] : options.environment) {
    message += fmt::format("{}={}", name, value);
    message.push_back('\0');
  }
  // If the guardian is dead already, Supervise sees that.
  if (send(control_.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0 && errno != EPIPE) {
    return Fail(FromErrno("cannot start the command"));
  }
  return {};
}

void Guardian::Impl::Send(const Request& request) const {
  // A stuck guardian must not make monopod stuck; one that is dead is seen by its handle.
  send(control_.get(), &request, sizeof request, MSG_DONTWAIT | MSG_NOSIGNAL);
}

Result<CommandEnd> Guardian::Impl::Supervise(const RunOptions& options,
                                             const std::stop_token& lost) {
  // What ended before this may never have been announced: Fork discards a pending SIGCHLD.
  ReapOrphans();
  // Counted from here if the deadlines are over already: the guardian is to say so itself.
  const BootTime begin = BootClock::now();
  const auto patience = [&] {
    return std::max(shared_->deadlines.Load().deadlines.kill, begin) + kGuardianGrace;
  };
  for (;;) {
    Sleep(patience());
    const bool dead = GuardianIsDead();  // before its last words are read, else they are missed
    if (const auto end = ReadReports(options)) {
      EndGuardian();
      return *end;
    }
    if (dead) return StandIn(options, lost);
    if (lost.stop_requested()) {
      shared_->deadlines.Latch();
      Send({.kind = Request::Kind::kStop});
    }
    ReadSignals(options);
    if (BootClock::now() >= patience()) return StandIn(options, lost);
  }
}

void Guardian::Impl::Sleep(BootTime until) {
  itimerspec at{};
  at.it_value = ToTimespec(until.time_since_epoch());
  timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &at, nullptr);
  std::array<pollfd, 5> fds = {{{.fd = control_.get(), .events = POLLIN, .revents = 0},
                                {.fd = guardian_handle_.get(), .events = POLLIN, .revents = 0},
                                {.fd = signals_.get(), .events = POLLIN, .revents = 0},
                                {.fd = timer_.get(), .events = POLLIN, .revents = 0},
                                {.fd = lost_.get(), .events = POLLIN, .revents = 0}}};
  poll(fds.data(), fds.size(), -1);
  std::uint64_t count = 0;
  [[maybe_unused]] auto got = read(timer_.get(), &count, sizeof count);
  got = read(lost_.get(), &count, sizeof count);
}

std::optional<CommandEnd> Guardian::Impl::ReadReports(const RunOptions& options) {
  while (const auto report = ReceiveReport(control_.get())) {
    if (report->kind == Report::Kind::kEnd) return report->end;
    Notify(options, report->kind);
  }
  return std::nullopt;
}

void Guardian::Impl::Notify(const RunOptions& options, Report::Kind kind) const {
  if (!options.notice) return;
  switch (kind) {
    case Report::Kind::kContinued:
      options.notice("the command holds a lock and cannot be suspended; continued");
      break;
    case Report::Kind::kWaitsForTerminal:
      options.notice(
          "the command is stopped, because it wants the terminal and runs in the background; it "
          "still holds the lock");
      break;
    case Report::Kind::kStopping:
      options.notice("the lock is lost, about to expire or given up; the command was told to stop");
      break;
    case Report::Kind::kEndingLeftBehind:
      options.notice(
          fmt::format("the command has ended but left processes behind, which are "
                      "ended before the lock is released: {}",
                      DescribeDescendants(guardian_)));
      break;
    case Report::Kind::kSurvivors:
      options.notice(
          fmt::format("processes of the command outlive SIGKILL, and the lock is not "
                      "released before they are gone: {}",
                      DescribeDescendants(guardian_)));
      break;
    case Report::Kind::kEnd: break;
  }
}

void Guardian::Impl::ReadSignals(const RunOptions& options) {
  signalfd_siginfo info{};
  while (read(signals_.get(), &info, sizeof info) == sizeof info) {
    const auto signal = static_cast<int>(info.ssi_signo);
    if (signal == SIGCHLD) {
      ReapOrphans();
    } else if (!options.on_signal || options.on_signal(signal)) {
      Send({.kind = Request::Kind::kForward, .signal = signal});
    }
  }
}

// Process 1 gets every orphan of the namespace, not only the tree's.
void Guardian::Impl::ReapOrphans() const {
  for (;;) {
    siginfo_t info{};
    const int looked = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL);
    if (looked != 0 || info.si_pid == 0 || info.si_pid == guardian_) return;
    waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED | __WALL);
  }
}

bool Guardian::Impl::GuardianIsDead() const {
  pollfd handle{.fd = guardian_handle_.get(), .events = POLLIN, .revents = 0};
  return poll(&handle, 1, 0) == 1;
}

// By its handle, if there is one: it may be dead, reaped, and its id a stranger's.
void Guardian::Impl::KillGuardian(pid_t guardian) const {
  if (guardian_handle_.is_open()) {
    pidfd_send_signal(guardian_handle_.get(), SIGKILL, nullptr, 0);
  } else {
    kill(guardian, SIGKILL);
  }
}

void Guardian::Impl::EndGuardian() {
  KillGuardian(guardian_);
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(guardian_), &info, WEXITED) != 0 && errno == EINTR) {
  }
  guardian_ = 0;
}

// Ends the tree in the guardian's place. Its children are monopod's from its death on.
Result<CommandEnd> Guardian::Impl::StandIn(const RunOptions& options, const std::stop_token& lost) {
  const pid_t guardian = std::exchange(guardian_, 0);  // reaped with the others
  KillGuardian(guardian);
  const BootTime begin = BootClock::now();
  const auto go_on = [&] {
    if (lost.stop_requested()) shared_->deadlines.Latch();
    const BootTime kill = shared_->deadlines.Load().deadlines.kill;
    return BootClock::now() < std::max(kill + kEndGrace, begin + kEndGrace - kGuardianGrace);
  };
  const bool over = EndTree({.cgroup = cgroup(),
                             .command_group = shared_->command,
                             .whole_namespace = getpid() == 1 && options.end_namespace},
                            go_on);
  if (!over) {
    return Fail(
        ErrorCode::kIndeterminate,
        fmt::format("processes of the command outlive SIGKILL: {}", DescribeDescendants(guardian)));
  }
  terminal_.TakeBack();
  if (options.notice) options.notice("the guardian process died or hung; the command was killed");
  if (shared_->deadlines.LatchIfExpired(BootClock::now())) {
    return CommandEnd{.kind = CommandEnd::Kind::kStopped, .code = 0, .guardian_died = true};
  }
  return CommandEnd{.kind = CommandEnd::Kind::kSignaled, .code = SIGKILL, .guardian_died = true};
}

// What the guardian could not see: orphans of others, and what was put into the namespace
// from outside.
void Guardian::Impl::EndNamespace() const {
  const BootTime give_up = BootClock::now() + kEndGrace;
  EndTree({.whole_namespace = true}, [give_up] { return BootClock::now() < give_up; });
}

void BlockForwardedSignals() {
  const sigset_t taken = TakenSignals();
  pthread_sigmask(SIG_BLOCK, &taken, nullptr);
}

Guardian::Guardian(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Guardian::Guardian(Guardian&& other) noexcept = default;
Guardian& Guardian::operator=(Guardian&& other) noexcept = default;
Guardian::~Guardian() = default;

Result<Guardian> Guardian::Fork(std::vector<std::string> argv, GuardianOptions options) {
  if (auto checked = CheckFork(argv); !checked) return Fail(std::move(checked.error()));
  auto shared = MapSharedState();
  if (!shared) return Fail(FromErrno("cannot share memory with the guardian"));
  auto impl = std::make_unique<Impl>(std::move(shared), options);
  if (auto forked = impl->Fork(std::move(argv)); !forked) return Fail(std::move(forked.error()));
  return Guardian(std::move(impl));
}

void Guardian::SetDeadlines(Deadlines deadlines) { impl_->deadlines().Set(deadlines); }

void Guardian::ReapOrphans() const { impl_->ReapOrphans(); }

Result<CommandEnd> Guardian::Run(const RunOptions& options, const std::stop_token& lost) {
  return impl_->Run(options, lost);
}

}  // namespace monopod::supervise
