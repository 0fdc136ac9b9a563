// How long after its kill deadline the last process of a command's tree is dead: by the guardian
// that `monopod run` uses, with a cgroup and without, while monopod runs and while it is stopped.
//
//   monopod-kill-latency [KILLS]     of each kind; 2500 unless said
//
// Fails if a tree was not dead 250 ms after its deadline, which is what safety rests on.
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/clock.h"
#include "src/supervise/cgroup.h"
#include "src/supervise/guardian.h"

namespace {

using monopod::BootClock;
using monopod::BootTime;
using monopod::supervise::CommandEnd;
using monopod::supervise::Guardian;
using std::chrono::milliseconds;

// Enough to have one end while others begin, and too few to keep a processor busy.
constexpr std::size_t kTreesAtOnce = 8;
constexpr milliseconds kLead(250);     // from the start of a tree to its kill deadline, at least
constexpr milliseconds kTermLead(20);  // before that it is told to stop, and does not
constexpr milliseconds kPrecision(4);  // to which the guardian keeps deadlines, rounded down
constexpr milliseconds kSafety(250);   // a successor may begin so long after the deadline
constexpr int kProcesses = 8;          // in a tree

[[noreturn]] void Die(const std::string& message) {
  std::fprintf(stderr, "monopod-kill-latency: %s\n", message.c_str());
  std::_Exit(1);
}

// The tree: each process says that it is there, and waits for its end.

[[noreturn]] void Wait() {
  if (write(STDOUT_FILENO, "r", 1) != 1) _exit(1);
  for (;;) pause();
}

template <class Work>
void InChild(const Work& work) {
  if (fork() != 0) return;
  work();
  _exit(0);
}

[[noreturn]] void BeTree() {
  std::signal(SIGTERM, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
  InChild(Wait);
  InChild([] {
    InChild(Wait);
    Wait();
  });
  // A daemon: in a session of its own, and its parent is gone.
  InChild([] {
    setsid();
    InChild(Wait);
  });
  InChild([] {
    setsid();
    InChild(Wait);
    Wait();
  });
  InChild([] {
    if (write(STDOUT_FILENO, "r", 1) != 1) _exit(1);
    for (;;) raise(SIGSTOP);  // also after the SIGCONT that comes with the request to stop
  });
  Wait();
}

// What a monopod does, as far as it matters here.

struct Kind {
  const char* name;
  bool cgroup;
  bool stopped;  // SIGSTOP to monopod
};

struct Tree {
  pid_t monopod = 0;
  int output = -1;  // of the tree; at its end nothing of it is left
  BootTime term{};
  BootTime kill{};
  int ready = 0;
  bool in_time = false;  // it was all there before `term`
};

enum MonopodEnd { kEndedByGuardian = 0, kFailed = 1, kEndedByMonopod = 2, kGaveUp = 3 };

MonopodEnd Failed(const std::string& message) {
  std::fprintf(stderr, "a monopod: %s\n", message.c_str());
  return kFailed;
}

MonopodEnd Supervise(const Kind& kind, const Tree& tree) {
  monopod::supervise::BlockForwardedSignals();
  auto guardian = Guardian::Fork({"/proc/self/exe", "tree"}, {.cgroup = kind.cgroup});
  // Neither monopod nor, from the start of the command on, the guardian has the output.
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (dup2(null, STDOUT_FILENO) < 0) return kFailed;
  if (!guardian) return Failed(guardian.error().message);
  guardian->SetDeadlines({.term = tree.term, .kill = tree.kill});
  const auto end = guardian->Run({}, std::stop_token());
  if (!end && end.error().code == monopod::ErrorCode::kIndeterminate) return kGaveUp;
  if (!end) return Failed(end.error().message);
  if (end->kind != CommandEnd::Kind::kStopped) {
    return Failed("its tree ended by itself: kind " + std::to_string(static_cast<int>(end->kind)) +
                  ", code " + std::to_string(end->code));
  }
  return end->guardian_died ? kEndedByMonopod : kEndedByGuardian;
}

Tree Start(const Kind& kind, milliseconds lead) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) Die("no pipe");
  const BootTime kill = BootClock::now() + lead;
  Tree tree{.output = ends[0], .term = kill - kTermLead, .kill = kill};
  std::fflush(nullptr);
  tree.monopod = fork();
  if (tree.monopod < 0) Die("cannot fork");
  if (tree.monopod == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[1]);
    std::_Exit(Supervise(kind, tree));
  }
  close(ends[1]);
  return tree;
}

// What comes of the trees of one kind.
class Measurement {
 public:
  Measurement(const Kind& kind, std::size_t kills) : kind_(kind), kills_(kills) {}

  void Run() {
    while (latencies_.size() < kills_ || !trees_.empty()) {
      while (trees_.size() < kTreesAtOnce && latencies_.size() + trees_.size() < kills_) {
        // Deadlines that are spread, as those of strangers are.
        trees_.push_back(Start(kind_, kLead + milliseconds(started_++ * 37 % 64)));
      }
      Look();
      Reap(WNOHANG);
    }
    Reap(0);
    std::ranges::sort(latencies_);
  }

  void Print() const {
    std::printf("%-34s %6zu kills", kind_.name, latencies_.size());
    for (const double share : {0.5, 0.99, 0.999}) std::printf(" %8.2f", Milliseconds(At(share)));
    std::printf(" %8.2f\n", Milliseconds(latencies_.back()));
    if (late_ > 0) std::printf("    not counted, since it began too late: %d\n", late_);
    if (gave_up_ > 0)
      std::printf("    not dead in time, so that the lock was kept: %d\n", gave_up_);
    if (by_monopod_ > 0)
      std::printf("    ended by monopod, not by the guardian: %d\n", by_monopod_);
  }

  bool is_safe() const { return latencies_.back() <= kSafety; }

 private:
  static double Milliseconds(std::chrono::nanoseconds time) {
    return std::chrono::duration<double, std::milli>(time).count();
  }
  std::chrono::nanoseconds At(double share) const {
    const auto rank = static_cast<std::size_t>(share * static_cast<double>(latencies_.size()));
    return latencies_[std::min(rank, latencies_.size() - 1)];
  }

  void Look() {
    std::vector<pollfd> fds;
    for (const Tree& tree : trees_) {
      fds.push_back({.fd = tree.output, .events = POLLIN, .revents = 0});
    }
    if (poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) Die("cannot poll");
    std::vector<Tree> going;
    for (std::size_t i = 0; i < trees_.size(); ++i) {
      if (fds[i].revents == 0 || Read(trees_[i])) going.push_back(trees_[i]);
    }
    trees_ = std::move(going);
  }

  // False at its end.
  bool Read(Tree& tree) {
    std::array<char, kProcesses> bytes{};
    const ssize_t size = read(tree.output, bytes.data(), bytes.size());
    const BootTime now = BootClock::now();
    if (size < 0) return true;
    if (size == 0) {
      OnDead(tree, now);
      return false;
    }
    tree.ready += static_cast<int>(size);
    if (tree.ready < kProcesses) return true;
    tree.in_time = BootClock::now() < tree.term - kPrecision;
    // Later monopod may be ending the tree itself, and must not be stopped at it.
    if (kind_.stopped && tree.in_time) kill(tree.monopod, SIGSTOP);
    return true;
  }

  void OnDead(const Tree& tree, BootTime now) {
    if (tree.in_time && now < tree.kill - kPrecision) Die("a tree ended before its deadline");
    if (tree.in_time) {
      latencies_.push_back(now - tree.kill);
    } else {
      ++late_;
    }
    if (kind_.stopped) kill(tree.monopod, SIGCONT);
    close(tree.output);
  }

  void Reap(int options) {
    int status = 0;
    while (waitpid(-1, &status, options) > 0) {
      if (!WIFEXITED(status) || WEXITSTATUS(status) == kFailed) {
        Die("a monopod failed with status " + std::to_string(status));
      }
      if (WEXITSTATUS(status) == kEndedByMonopod) ++by_monopod_;
      if (WEXITSTATUS(status) == kGaveUp) ++gave_up_;
    }
  }

  const Kind kind_;
  const std::size_t kills_;
  std::vector<Tree> trees_;
  std::vector<std::chrono::nanoseconds> latencies_;
  int started_ = 0;
  int late_ = 0;
  int by_monopod_ = 0;
  int gave_up_ = 0;
};

double Load() {
  double load = 0;
  getloadavg(&load, 1);
  return load;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "tree") BeTree();
  const int wanted = argc == 2 ? std::atoi(argv[1]) : 2500;
  if (argc > 2 || wanted < 1) Die("usage: monopod-kill-latency [KILLS]");
  const auto cgroup = monopod::supervise::Cgroup::Create();
  if (cgroup) cgroup->Remove();

  std::printf(
      "From the kill deadline to the end of the last of %d processes, in ms; %zu trees at "
      "once; %ld processors, load %.2f\n",
      kProcesses, kTreesAtOnce, sysconf(_SC_NPROCESSORS_ONLN), Load());
  std::printf("%-34s %6s %5s %8s %8s %8s %8s\n", "", "", "", "p50", "p99", "p99.9", "max");
  bool safe = true;
  for (const Kind& kind :
       {Kind{"cgroup", true, false}, Kind{"cgroup, monopod stopped", true, true},
        Kind{"no cgroup", false, false}, Kind{"no cgroup, monopod stopped", false, true}}) {
    if (kind.cgroup && !cgroup) {
      std::printf("%-34s cannot be made here\n", kind.name);
      continue;
    }
    Measurement measurement(kind, static_cast<std::size_t>(wanted));
    measurement.Run();
    measurement.Print();
    std::fflush(stdout);
    safe = safe && measurement.is_safe();
  }
  std::printf("load at the end %.2f\n", Load());
  return safe ? EXIT_SUCCESS : EXIT_FAILURE;
}
