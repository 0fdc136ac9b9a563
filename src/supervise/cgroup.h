// A cgroup (version 2) of the command's own, so that its tree can be killed in one step.
#pragma once

#include <optional>
#include <string>

#include "src/supervise/file_descriptor.h"

namespace monopod::supervise {

// What the kernel says of this process's cgroup.
struct CgroupFiles {
  std::string mountinfo;  // of /proc/self/mountinfo
  std::string cgroup;     // of /proc/self/cgroup
};

// The directory of the version 2 cgroup that they tell of. Nothing where no mount shows it.
// Knows the unified, the hybrid and the cgroup-namespace layout.
std::optional<std::string> OwnCgroupDirectory(const CgroupFiles& files);

// Those of the calling process.
CgroupFiles ReadCgroupFiles();

// Survives fork: monopod and the guardian both hold it, and either can kill.
class Cgroup {
 public:
  // Makes an empty cgroup below this process's own. Nothing where that is not possible: no
  // cgroup2 mount, a read-only one (as in a pod), no permission, no cgroup.kill (Linux 5.14).
  static std::optional<Cgroup> Create();

  // Moves the calling process into it. False if that is refused.
  bool Join() const;

  // SIGKILLs all processes in it and in the cgroups below it, in one step as forks see it.
  void Kill() const;

  // Removes it, and whatever cgroups were made below it, once no process is left in them.
  void Remove() const;

  // For whoever closes all others.
  int kill_descriptor() const { return kill_.get(); }

 private:
  std::string path_;
  FileDescriptor kill_;  // opened early: killing must not depend on a free descriptor
};

}  // namespace monopod::supervise
