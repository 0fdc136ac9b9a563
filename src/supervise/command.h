// The command's own process, from the fork to its execution.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "monopod/result.h"
#include "src/supervise/cgroup.h"
#include "src/supervise/file_descriptor.h"
#include "src/supervise/shared_state.h"
#include "src/supervise/terminal.h"

namespace monopod::supervise {

struct CommandSetup {
  const std::vector<std::string>& argv;
  // "NAME=VALUE", in addition to the environment.
  std::vector<std::string> environment;
  const SharedDeadlines& deadlines;
  const Cgroup* cgroup = nullptr;
  const Terminal* terminal = nullptr;  // set if the command is to have it
};

// Written to StartedCommand::failure in the place of an errno: the tenure was over before the
// command could be executed.
inline constexpr int kTenureOver = -1;

struct StartedCommand {
  pid_t id = 0;  // and its process group
  // Ends without a byte once the command is being executed; else yields an int, the errno.
  FileDescriptor failure;
};

// Forks the command. It leads a process group of its own, and dies when the calling thread
// dies. Nothing with the errno set if that is not possible.
std::optional<StartedCommand> StartCommand(const CommandSetup& setup);

}  // namespace monopod::supervise
