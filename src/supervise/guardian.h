// A command that runs while a lock is held, and whose whole process tree is dead before
// anybody else may believe that the lock is free.
//
// Three processes take part. *monopod* is the caller. It forks the *guardian*, while it is
// still single-threaded; the guardian starts the *command* when Run says so. The guardian
// knows nothing of locks: it has two deadlines, in memory that it shares with monopod, and
// ends the tree by them whatever monopod does. Monopod stands behind the guardian.
//
// What is guaranteed, as long as the kernel carries out SIGKILL promptly. The *tree* is the
// command and all its descendants, double forks, new sessions and stopped ones included.
// - The command is not started once the tenure's `term` has come.
// - Unless SetDeadlines moved them in time: the tree gets SIGTERM at `term`, SIGKILL at
//   `kill`, and is dead 250 ms after `kill`. This holds while monopod is stopped (SIGSTOP)
//   or killed, and while the guardian is stopped or killed; an expiry, once it was acted on,
//   is never undone by a later SetDeadlines.
// - Run returns a CommandEnd only when nothing of the tree is left: the guardian, to which
//   every orphan of the tree falls, has no child any more. A command that ends and leaves
//   processes behind does not end Run: they get SIGTERM, 2 s later SIGKILL.
// - When monopod dies the tree gets SIGTERM at once, and SIGKILL after 10 s or at `kill`,
//   whichever comes first. When the guardian dies, the tree gets SIGKILL at once.
//
// What is not guaranteed.
// - That anything happens while neither monopod nor the guardian can run: both killed, both
//   stopped, or one of each. (If the first death is seen before the second, its consequences
//   above have begun.) When the guardian dies the kernel sends SIGKILL to the command itself
//   (PR_SET_PDEATHSIG), unless that executed a set-user-ID, set-group-ID or capability-bearing
//   file or changed its credentials, which clears the setting. If monopod is killed too, the
//   command's descendants live on, and so does its cgroup: whoever finds `monopod-<pid>-...`
//   of a dead pid may write 1 to its cgroup.kill, and remove it. Whoever was only stopped acts
//   at once when it is continued. What ends a container, or a systemd unit, ends the tree too.
// - Work that the tree asked somebody else to do: a daemon, a service manager, a container
//   runtime, a remote host.
// - Descendants that entered another PID namespace which existed before (nsenter): their orphans
//   fall to that namespace's process 1. Only the cgroup catches them.
// - A process that may not be killed (another user's, by a set-user-ID program, where there is
//   no cgroup), cannot be (uninterruptible sleep, a version 1 freezer, a debugger that holds
//   it), or takes long to end (much memory). Run goes on killing while the deadlines move
//   on, and fails with kIndeterminate once `kill` has passed by 250 ms.
// - The pause of a virtual machine; CLOCK_BOOTTIME does not count it.
// - The command's descendants run in a cgroup of their own, which is ended in one
//   indivisible step, only where monopod may create a cgroup (version 2) below its own. Elsewhere
//   the tree is ended by repeated scans of /proc, process group by process group where
//   possible. A descendant that does nothing but fork, move to a new session and exit can
//   then outrun the scans for a while; Run does not return before it was caught.
//
// Needs Linux 5.3 and a /proc of this process's own PID namespace.
//
// Example:
//   int main(int argc, char** argv) {
//     supervise::BlockForwardedSignals();
//     auto guardian = supervise::Guardian::Fork({"make", "deploy"});
//     ...                                            // threads may start from here on
//     guardian->SetDeadlines({.term = ..., .kill = ...});    // and at each renewal
//     auto end = guardian->Run({.environment = {{"MONOPOD_LOCK", "deploy"}}}, lock.lost());
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monopod/result.h"
#include "src/base/clock.h"

namespace monopod::supervise {

// Until when the tree may work. Kept to 4 ms, rounded down. `term` <= `kill`.
struct Deadlines {
  BootTime term;  // from here on it is asked to stop
  BootTime kill;  // here it is killed
};

struct CommandEnd {
  enum class Kind : std::uint8_t {
    kExited,      // of its own accord; `code` is the exit code
    kSignaled,    // ended by a signal that no deadline caused; `code` is the signal
    kNotStarted,  // could not be executed; `code` is the errno
    // Told to stop, or not started at all, because the tenure was over or `lost` requested;
    // whatever it exited with. `code` is 0.
    kStopped,
  };
  Kind kind = Kind::kStopped;
  int code = 0;
  // The guardian was killed, or got stuck and was killed, and monopod ended the tree. How the
  // command ended is unknown then: kind is kStopped if the tenure was over, else kSignaled
  // with SIGKILL.
  bool guardian_died = false;
};

struct GuardianOptions {
  bool cgroup = true;  // false: do not try to give the command a cgroup
};

struct RunOptions {
  // Added to the environment that monopod had at Fork; replaces variables of the same name.
  std::vector<std::pair<std::string, std::string>> environment;
  // Is told what a person should know, one sentence without a line end, by the thread that
  // runs Run. Must not block: monopod does not watch the guardian meanwhile. May be empty.
  std::function<void(std::string_view)> notice;
  // Is told of each signal that Run takes, and answers whether the command is to get it. Must not
  // block, as above. If empty, the command gets each.
  std::function<bool(int signal)> on_signal;
  // False: process 1 leaves the rest of its PID namespace alone, where another guardian waits for
  // its own Run.
  bool end_namespace = true;
};

// Blocks in the calling thread the signals that Run takes: SIGTERM, SIGINT, SIGHUP, SIGQUIT,
// SIGUSR1, SIGUSR2, which it forwards, and SIGCHLD. To be called at the start of main, so
// that every thread inherits it. A signal that comes before Run, and that the caller does
// not take (sigwait, signalfd), is forwarded once Run has begun.
void BlockForwardedSignals();

// Threads: Fork, Run and the destructor belong to the main thread; SetDeadlines may be
// called by any thread as long as the Guardian lives and is not being moved.
class Guardian {
 public:
  // Forks the guardian, which waits for Run. `argv` reaches the command byte for byte; the
  // command is looked up in PATH. Monopod becomes a child subreaper, and must have no other
  // children until Run has returned: Run reaps them, and may kill them if the guardian dies. Other
  // guardians are no exception from the latter; they may be forked at the same time and run one
  // after the other, in the order in which they were forked, so that each is told when monopod
  // dies.
  //
  // The command inherits what monopod has at this moment and does not close on exec, and
  // the signals that are ignored now (so that nohup works), so ignore SIGPIPE later.
  //
  // Fails with kInvalidArgument (empty argv, a NUL in it, called too late: another thread
  // exists, or no usable /proc) and kUnavailable (out of processes, memory or descriptors).
  static Result<Guardian> Fork(std::vector<std::string> argv, GuardianOptions options = {});

  Guardian(Guardian&& other) noexcept;
  Guardian& operator=(Guardian&& other) noexcept;
  // If Run was never called: ends the guardian. Nothing was started.
  ~Guardian();

  // Moves the deadlines; never blocks, takes no lock, and makes no system call. Before the
  // first call both are in the past. Has no effect once the tree was told to stop. They are
  // meant to be moved on: earlier ones may be noticed only when the present `term` has come.
  void SetDeadlines(Deadlines deadlines);

  // Reaps the orphans that have fallen to this process and ended, as Run does while it lasts: for
  // process 1, which gets every orphan of its namespace, to call on SIGCHLD until then. Never
  // blocks. Any thread, but not during Run.
  void ReapOrphans() const;

  // Starts the command, forwards signals to its process group, hands it the terminal if this
  // process's group is in the foreground, and returns when its whole tree is dead. When
  // `lost` is requested the tree gets SIGTERM at once and SIGKILL at the `kill` that stands
  // at that moment. Ctrl-Z does not suspend the command: it is continued, and a notice says
  // so. As process 1 it reaps every orphan, and before it returns it kills whatever is left
  // in the PID namespace. To be called at most once.
  //
  // Fails with kIndeterminate: processes of the tree survived `kill` by 250 ms; the message
  // names them. Do not release the lock, let it expire. Fails with kUnavailable (out of
  // descriptors): nothing was started.
  Result<CommandEnd> Run(const RunOptions& options, const std::stop_token& lost);

 private:
  class Impl;
  explicit Guardian(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace monopod::supervise
