// A command that ran under a lock: what it was told of the lock, and what its end means for
// monopod's.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/cli/context.h"
#include "src/supervise/guardian.h"

namespace monopod::cli {

// The exit code that follows from the command's end; kLost if it was stopped. Logs what went wrong.
int ExitCodeOf(const supervise::CommandEnd& end, std::string_view command, const Context& context);

// What the command needs to know of the lock, and a nested monopod of the store.
struct CommandSurroundings {
  std::string lock;
  Token token = 0;
  std::string holder;
  std::string store;
};
std::vector<std::pair<std::string, std::string>> EnvironmentOf(const CommandSurroundings& around);

// When a terminal's Ctrl-C ended the command, which had the terminal alone, whoever called monopod
// (a script, say) must feel it, too.
void PassOnInterrupt(const supervise::CommandEnd& end);

}  // namespace monopod::cli
