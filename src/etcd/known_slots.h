// The numbers of slots that the claims of one process learned, so that the next claim need not ask.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "src/etcd/api.h"
#include "src/etcd/lock_values.h"

namespace monopod::etcd {

// The number as it was at some revision of its key.
struct KnownSlots {
  SlotsValue value;
  Revision mod = 0;  // 0: nobody has said a number
};

// By lock. Threads: all members may be called concurrently.
class SlotsMemory {
 public:
  KnownSlots Recall(const std::string& lock) const {
    const std::lock_guard guard(mutex_);
    const auto at = known_.find(lock);
    return at == known_.end() ? KnownSlots{} : at->second;
  }
  void Note(const std::string& lock, const KnownSlots& known) {
    const std::lock_guard guard(mutex_);
    if (known.mod == 0)
      known_.erase(lock);
    else
      known_[lock] = known;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, KnownSlots> known_;
};

}  // namespace monopod::etcd
