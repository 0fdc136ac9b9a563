// Counts claims that end while a prefix of etcd is watched.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "src/etcd/api.h"

namespace monopod::doctor {

// Threads: all members may be called concurrently.
class ClaimEnds {
 public:
  explicit ClaimEnds(std::string prefix) : prefix_(std::move(prefix)) {}

  // What a watch of the whole prefix reports. The changes of one revision come in one report.
  void Take(const etcd::WatchReport& report);

  struct Count {
    int ended = 0;
    int unclean = 0;  // the member vanished, and the claim's marker does not say that it is over
  };
  // By lock.
  std::map<std::string, Count> counts() const;

 private:
  const std::string prefix_;
  mutable std::mutex mutex_;
  std::map<std::string, Count> counts_;
};

}  // namespace monopod::doctor
