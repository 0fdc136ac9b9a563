// The clients of a trial: each is a process that takes a lock again and again until SIGTERM, and
// tells on stdout what it does (records.h has the lines).
//
// Their moments are CLOCK_BOOTTIME of the machine, also where their own clock is offset.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "tests/faults/records.h"

namespace monopod::faults {

struct WorkerOptions {
  Workload workload = Workload::kMutex;
  std::string store;  // URL
  std::string lock;
  std::chrono::seconds ttl{2};
  std::string set;           // key in etcd, or else file, of kSet and kControl
  std::uint64_t serial = 1;  // of this process in the whole run; makes elements and draws unique
  std::chrono::seconds clock_offset{0};  // how far its clock is ahead of the machine's
};

// Returns the exit code.
int RunWorker(const WorkerOptions& options);

// The command of `monopod run` in kRun: works for a while, with a child of its own that ignores
// TERM, and finds out by a lock of the kernel on `file` whether anything of an earlier command is
// still alive.
struct WorkOptions {
  std::string file;
  std::uint64_t serial = 1;
  std::chrono::seconds clock_offset{0};
};
int RunWork(const WorkOptions& options);

}  // namespace monopod::faults
