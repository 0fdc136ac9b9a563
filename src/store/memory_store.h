// Records in the memory of this process: for tests, and for locks among threads.
//
// Nothing outlives the object. As every user is in this process, all share one clock, and how
// long a stamp has stayed the same is known exactly.
//
// Threads: all calls may be made concurrently.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>

#include "src/protocol/record_store.h"

namespace monopod::store {

struct MemoryStoreOptions {
  // False: known_silence is always 0, as on a store whose users share no clock.
  bool shared_clock = true;
  // Deadlines and known_silence are by this clock. A simulated one may move by itself: the
  // deadline of a wait is looked at once a second, and whenever the store changes.
  std::function<BootTime()> now = BootClock::now;
};

class MemoryStore : public protocol::RecordStore {
 public:
  explicit MemoryStore(MemoryStoreOptions options = {}) : options_(std::move(options)) {}

  Result<protocol::Snapshot> Read(const std::string& name, BootTime deadline) override;
  Result<protocol::Written> Write(const std::string& name, const protocol::Version& expected,
                                  const protocol::Record& record, BootTime deadline) override;
  Result<std::vector<protocol::Listed>> List(BootTime deadline) override;
  Result<void> Remove(const std::string& name, const protocol::Version& expected,
                      BootTime deadline) override;
  void AwaitChange(std::span<const protocol::Seen> seen, BootTime deadline,
                   const std::stop_token& stop) override;

 private:
  struct Entry {
    protocol::Version version;  // empty: there is no such record, only its tokens
    protocol::Record record;
    BootTime stamped{};
    protocol::Token last_token = 0;
  };

  Result<void> CheckDeadline(BootTime deadline) const;
  protocol::Version VersionOf(const std::string& name) const;
  protocol::Snapshot SnapshotOf(const Entry& entry) const;

  const MemoryStoreOptions options_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, Entry> entries_;
  std::uint64_t last_version_ = 0;
};

}  // namespace monopod::store
