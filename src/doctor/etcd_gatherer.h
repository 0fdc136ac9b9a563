// Asks an etcd cluster for everything that the checks want to know.
//
// Every member is asked on a thread of its own, so that one that never answers costs its own
// deadline only. What was not answered in time is missing in the facts. All is over within
// kGatherAtMost. Nothing in the cluster is changed: what is committed deletes a key that does not
// exist, which needs the rights and takes the time of a write.
//
// Threads: any; blocks.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "src/base/clock.h"
#include "src/doctor/etcd_facts.h"
#include "src/etcd/client/client_options.h"

namespace monopod::doctor {

inline constexpr std::chrono::seconds kGatherAtMost{9};

EtcdFacts GatherEtcd(const etcd::ClientOptions& options, std::int64_t quota);

// Keys as one would list them by hand.
struct KeyListing {
  struct Key {
    etcd::KeyValue at;
    std::optional<etcd::TimeToLive> lease;  // nothing: it has none, or it was not told in time
  };
  std::vector<Key> keys;
  bool more = false;  // the limit left some out
};
struct KeyQuestion {
  std::string prefix;  // may be empty: all keys
  std::int64_t limit = 100;
};
// Errors as of the reads of api.h.
Result<KeyListing> ListKeys(etcd::Api& api, const KeyQuestion& question, BootTime deadline);

}  // namespace monopod::doctor
