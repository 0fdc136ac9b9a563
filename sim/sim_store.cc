#include "sim/sim_store.h"

#include <algorithm>

namespace monopod::sim {

using protocol::Record;
using protocol::Snapshot;
using protocol::Version;
using protocol::Written;

std::size_t SlotOf(const std::string& name) {
  return name == kLock ? 0 : static_cast<std::size_t>(name.back() - '0');
}

Version SimStore::VersionOf(std::size_t slot) const {
  return Exists(slot) ? "v" + std::to_string(rows_.at(slot).version) : Version();
}

protocol::Token SimStore::NextToken(const Row& row) const {
  return options_.tokens_from_versions ? std::max(row.version, row.record.token + 1)
                                       : row.highest_token + 1;
}

Snapshot SimStore::Read(std::size_t slot, TrueTime now) const {
  const Row& row = rows_.at(slot);
  if (row.version == 0) return {};
  Snapshot snapshot{.version = VersionOf(slot), .record = row.record, .next_token = NextToken(row)};
  if (options_.shared_clock != nullptr) {
    snapshot.known_silence = options_.shared_clock->At(now) - row.stamped;
  }
  return snapshot;
}

Result<Written> SimStore::Write(std::size_t slot, const Version& expected, const Record& record,
                                TrueTime now) {
  Row& row = rows_.at(slot);
  if (VersionOf(slot) != expected) return Fail(ErrorCode::kConflict, "changed");
  if (options_.shared_clock != nullptr && (row.version == 0 || row.record.stamp != record.stamp)) {
    row.stamped = options_.shared_clock->At(now);
  }
  row.version = ++versions_;
  row.record = record;
  row.highest_token = std::max(row.highest_token, record.token);
  return Written{.version = VersionOf(slot), .next_token = NextToken(row)};
}

}  // namespace monopod::sim
