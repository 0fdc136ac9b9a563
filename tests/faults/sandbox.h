// A place of its own for a trial: namespaces for processes, mounts and the network, a file system
// in memory on /run, and no way out. Whatever ends the trial, SIGKILL included, takes with it all
// that was started, mounted or configured in there; nothing is left to be cleaned up by the next.
//
// It needs root. Not guaranteed: cgroups stay, whoever makes them.
#pragma once

#include <functional>
#include <string>

namespace monopod::faults {

// In memory, and gone with the sandbox.
inline constexpr const char* kScratch = "/run/monopod-faults";

// Runs `inside` as the first process of the sandbox, passes SIGINT, SIGTERM and SIGHUP on to it,
// and returns its exit code; 70 if there can be no sandbox (said on stderr). A file system under
// kScratch that is frozen when `inside` ends is thawed, so that who waits for it can die.
// Call it before there is any thread.
int RunInSandbox(const std::function<int()>& inside);

// Within: whether one of these signals has come.
bool IsAskedToEnd();

}  // namespace monopod::faults
