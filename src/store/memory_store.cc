#include "src/store/memory_store.h"

#include <algorithm>
#include <utility>

#include "src/store/record_rules.h"

namespace monopod::store {

using protocol::Listed;
using protocol::Record;
using protocol::Seen;
using protocol::Snapshot;
using protocol::Version;
using protocol::Written;
using namespace std::chrono_literals;

Result<Snapshot> MemoryStore::Read(const std::string& name, BootTime deadline) {
  if (auto checked = CheckDeadline(deadline); !checked) return Fail(std::move(checked).error());
  const std::lock_guard lock(mutex_);
  const auto at = entries_.find(name);
  return at == entries_.end() ? SnapshotOf(Entry{}) : SnapshotOf(at->second);
}

Result<Written> MemoryStore::Write(const std::string& name, const Version& expected,
                                   const Record& record, BootTime deadline) {
  if (auto checked = CheckDeadline(deadline); !checked) return Fail(std::move(checked).error());
  const std::lock_guard lock(mutex_);
  if (VersionOf(name) != expected) return Fail(Conflict(name));
  Entry& entry = entries_[name];
  const bool new_stamp = entry.version.empty() || entry.record.stamp != record.stamp;
  if (new_stamp) entry.stamped = options_.now();
  entry.record = record;
  entry.record.foreign = IsForeign(record);
  entry.version = std::to_string(++last_version_);
  entry.last_token = std::max(entry.last_token, record.token);
  changed_.notify_all();
  return Written{.version = entry.version, .next_token = entry.last_token + 1};
}

Result<std::vector<Listed>> MemoryStore::List(BootTime deadline) {
  if (auto checked = CheckDeadline(deadline); !checked) return Fail(std::move(checked).error());
  const std::lock_guard lock(mutex_);
  std::vector<Listed> list;
  for (const auto& [name, entry] : entries_) {
    if (entry.version.empty()) continue;
    list.push_back({.name = name, .snapshot = SnapshotOf(entry)});
  }
  return list;
}

Result<void> MemoryStore::Remove(const std::string& name, const Version& expected,
                                 BootTime deadline) {
  if (auto checked = CheckDeadline(deadline); !checked) return checked;
  const std::lock_guard lock(mutex_);
  if (VersionOf(name) != expected) return Fail(Conflict(name));
  if (expected.empty()) return {};
  Entry& entry = entries_[name];
  entry = Entry{.last_token = entry.last_token};
  changed_.notify_all();
  return {};
}

void MemoryStore::AwaitChange(std::span<const Seen> seen, BootTime deadline,
                              const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const auto differs = [&] {
    return std::ranges::any_of(
        seen, [&](const Seen& each) { return VersionOf(each.name) != each.version; });
  };
  while (!stop.stop_requested() && !differs()) {
    const BootTime now = options_.now();
    if (now >= deadline) return;
    // No condition variable counts suspend, nor knows a simulated clock.
    changed_.wait_for(lock, stop, std::min<BootClock::duration>(deadline - now, 1s), differs);
  }
}

Result<void> MemoryStore::CheckDeadline(BootTime deadline) const {
  if (options_.now() < deadline) return {};
  return Fail(TooLate());
}

Version MemoryStore::VersionOf(const std::string& name) const {
  const auto at = entries_.find(name);
  return at == entries_.end() ? Version() : at->second.version;
}

Snapshot MemoryStore::SnapshotOf(const Entry& entry) const {
  Snapshot snapshot{
      .version = entry.version, .record = entry.record, .next_token = entry.last_token + 1};
  if (snapshot.exists() && options_.shared_clock && !snapshot.record.foreign) {
    snapshot.known_silence = options_.now() - entry.stamped;
  }
  return snapshot;
}

}  // namespace monopod::store
