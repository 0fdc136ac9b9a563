// The guardian: keeps the deadlines and ends the command's tree, whatever monopod does.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/supervise/cgroup.h"
#include "src/supervise/file_descriptor.h"
#include "src/supervise/shared_state.h"
#include "src/supervise/terminal.h"

namespace monopod::supervise {

struct GuardianSetup {
  std::vector<std::string> argv;
  FileDescriptor control;  // end of file on it is monopod's death
  SharedState& shared;
  const Terminal& terminal;
  const Cgroup* cgroup = nullptr;  // to run the command in
};

// All that the freshly forked guardian does. It is single-threaded, blocks every signal and
// lets go of everything that it inherited once the command runs, so that a pipeline sees
// end of file when the command closes its end.
[[noreturn]] void RunGuardian(GuardianSetup setup);

}  // namespace monopod::supervise
