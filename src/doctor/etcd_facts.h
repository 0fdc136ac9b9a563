// What was seen of an etcd cluster and of the locks in it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "monopod/result.h"
#include "monopod/types.h"
#include "src/etcd/api.h"
#include "src/etcd/cluster_api.h"
#include "src/etcd/lock_picture.h"

namespace monopod::doctor {

// etcd's own default; 3.4 does not tell which one it was started with.
inline constexpr std::int64_t kDefaultQuota = std::int64_t{2} * 1024 * 1024 * 1024;

struct MemberFacts {
  std::string endpoint;
  bool configured = true;                    // else learned from the cluster's list
  std::optional<etcd::MemberStatus> status;  // nothing: it did not answer
  Error error = {};                          // then: why not
  std::chrono::nanoseconds latency{0};       // of its quickest answer
};

struct LockFacts {
  std::string name;
  etcd::LockContents contents;  // as it was last
  // What stood already when it was first read: markers without a member, and the tail.
  std::set<std::string> orphans_before = {};
  std::string tail_before = {};
  // Of the members, as of the first read.
  std::map<etcd::LeaseId, etcd::TimeToLive> leases = {};
  // Claims that ended while it was watched, and those of them that did not say so themselves.
  int ended = 0;
  int ended_unclean = 0;
};

struct EtcdFacts {
  std::string prefix;  // ends with '/'
  std::int64_t quota = kDefaultQuota;
  WallTime now{};  // for the age of sticky holds only
  std::vector<MemberFacts> members;
  std::vector<etcd::Member> listed;  // by the cluster; empty if it did not say
  std::vector<etcd::Alarm> alarms;
  std::optional<Error> read_failed;               // the keys under the prefix
  std::optional<Error> write_failed;              // a transaction that changes nothing
  std::vector<std::chrono::nanoseconds> commits;  // how long each such transaction took
  bool kubernetes = false;                        // there are keys under /registry/
  bool too_many_keys = false;                     // the locks were not looked at
  std::vector<LockFacts> locks;                   // by name
  std::chrono::milliseconds watched{0};           // how long the locks were watched
};

}  // namespace monopod::doctor
