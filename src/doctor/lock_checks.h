// From what was seen of the locks in etcd to what is wrong with them, and the command that resolves
// it. Pure.
#pragma once

#include "src/doctor/etcd_facts.h"
#include "src/doctor/finding.h"

namespace monopod::doctor {

// More waiting claims than this are a crowd.
inline constexpr int kCrowd = 10;
// So many claims that end while a lock is watched, or so many that end unclean, are a flapping.
inline constexpr int kFlappingEnds = 8;
inline constexpr int kFlappingUnclean = 2;
inline constexpr std::chrono::hours kOldSticky{24};

Findings CheckLocks(const EtcdFacts& facts);

// An argument as a shell wants it.
std::string ShellQuoted(const std::string& text);

}  // namespace monopod::doctor
