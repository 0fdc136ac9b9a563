#include "src/cli/command_end.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

namespace monopod::cli {

int ExitCodeOf(const supervise::CommandEnd& end, std::string_view command, const Context& context) {
  using Kind = supervise::CommandEnd::Kind;
  if (end.guardian_died && end.kind != Kind::kStopped) {
    return context.Fail(kInternalError,
                        "the guardian process was killed; the command was killed, too");
  }
  switch (end.kind) {
    case Kind::kExited: return end.code;
    case Kind::kSignaled: return kSignalBase + end.code;
    case Kind::kNotStarted:
      return context.Fail(
          end.code == ENOENT ? kCommandNotFound : kCannotExecute,
          fmt::format("cannot run \"{}\": {}", command, std::generic_category().message(end.code)));
    case Kind::kStopped: return kLost;
  }
  return kInternalError;
}

std::vector<std::pair<std::string, std::string>> EnvironmentOf(const CommandSurroundings& around) {
  return {{"MONOPOD_LOCK", around.lock},
          {"MONOPOD_TOKEN", std::to_string(around.token)},
          {"MONOPOD_HOLDER", around.holder},
          {"MONOPOD_STORE", around.store}};
}

void PassOnInterrupt(const supervise::CommandEnd& end) {
  const bool interrupted = end.kind == supervise::CommandEnd::Kind::kSignaled &&
                           (end.code == SIGINT || end.code == SIGQUIT);
  if (interrupted && isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1) kill(0, end.code);
}

}  // namespace monopod::cli
