#include "src/supervise/command.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace monopod::supervise {
namespace {

// Returns only if the command cannot be executed.
int Execute(const CommandSetup& setup) {
  if (setup.cgroup != nullptr) setup.cgroup->Join();  // refused: the scans end the tree, too
  if (setup.terminal != nullptr) setup.terminal->HandTo(getpid());
  for (const std::string& variable : setup.environment) {
    const auto equals = variable.find('=');
    setenv(variable.substr(0, equals).c_str(), variable.substr(equals + 1).c_str(), 1);
  }
  std::vector<std::string> arguments = setup.argv;
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  sigset_t none;
  sigemptyset(&none);
  // All of the above takes time: joining a cgroup may wait for the kernel.
  const auto [deadlines, latched] = setup.deadlines.Load();
  if (latched || BootClock::now() >= deadlines.term) return kTenureOver;
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execvp(argv.front(), argv.data());
  return errno;
}

}  // namespace

std::optional<StartedCommand> StartCommand(const CommandSetup& setup) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  FileDescriptor read_end(ends[0]);
  const FileDescriptor write_end(ends[1]);
  const pid_t guardian = getpid();
  const pid_t id = fork();
  if (id < 0) return std::nullopt;
  if (id == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // The guardian may have died before that was set.
    if (getppid() != guardian) _exit(EXIT_FAILURE);
    setpgid(0, 0);
    const int failure = Execute(setup);
    [[maybe_unused]] const auto written = write(write_end.get(), &failure, sizeof failure);
    _exit(EXIT_FAILURE);
  }
  // On both sides, so that neither can be too early for what it does next.
  setpgid(id, id);
  return StartedCommand{.id = id, .failure = std::move(read_end)};
}

}  // namespace monopod::supervise
