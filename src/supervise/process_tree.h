// The calling process's descendants: how to signal all of them, and how to be sure that
// none is left.
//
// A scan of /proc finds descendants, but proves nothing: processes fork, exit and change
// parents meanwhile. The proof is another one. The caller is a child subreaper, so that
// whatever loses its parent becomes the caller's child; once the caller has no child it
// has no descendant.
//
// All of this is for one thread of a process, which is the only one that reaps.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

#include "src/supervise/cgroup.h"

namespace monopod::supervise {

struct Process {
  pid_t id = 0;
  std::string name;  // as the kernel has it, at most 15 bytes
  char state = 0;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  std::uint32_t flags = 0;
  int threads = 0;
  std::uint64_t start = 0;  // in clock ticks since boot; tells processes of one id apart
};

// Calls `visit` for each descendant as soon as it is found, parents before children.
// Processes that are forked or orphaned meanwhile may be missed.
void VisitDescendants(const std::function<void(const Process&)>& visit);

// Sends `signal` to the process that `process` described; to nobody if it is gone.
void SignalProcess(const Process& process, int signal);

// Reaps every child that has ended. True if children are left.
bool ReapChildren();

struct TreeEnding {
  const Cgroup* cgroup = nullptr;  // killed, too
  // The group that the command leads or led, or 0: known to hold descendants only.
  pid_t command_group = 0;
  // For process 1: everything else in the PID namespace is ended, too.
  bool whole_namespace = false;
};

// Kills and reaps until the calling process has no child, and with `whole_namespace` until
// nobody but it lives in the namespace. Between the rounds asks `go_on`, and returns false
// if that says no. SIGCHLD must be blocked.
bool EndTree(const TreeEnding& ending, const std::function<bool()>& go_on);

// "12 (sleep), 15 (make)": a few of the descendants, for a message, but `except`.
std::string DescribeDescendants(pid_t except);

}  // namespace monopod::supervise
