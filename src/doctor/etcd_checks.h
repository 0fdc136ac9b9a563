// From what was seen of an etcd cluster to what is wrong with it. Pure.
#pragma once

#include <chrono>
#include <optional>

#include "src/doctor/etcd_facts.h"
#include "src/doctor/finding.h"

namespace monopod::doctor {

// All findings, the worst first.
Findings CheckEtcd(const EtcdFacts& facts);

// The slowest of the commits that were measured; nothing if none landed.
std::optional<std::chrono::nanoseconds> SlowestCommit(const EtcdFacts& facts);
// The smallest TTL with which one try to renew has ten times as long as a commit took; nothing if
// there is no such TTL, since no try is longer than 3 s.
std::optional<std::chrono::seconds> SmallestSensibleTtl(std::chrono::nanoseconds commit);

// The parts of CheckEtcd.
Findings CheckMembers(const EtcdFacts& facts);
Findings CheckCluster(const EtcdFacts& facts);
Findings CheckLatency(const EtcdFacts& facts);

}  // namespace monopod::doctor
