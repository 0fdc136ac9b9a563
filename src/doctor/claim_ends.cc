#include "src/doctor/claim_ends.h"

#include <set>
#include <utility>

#include "src/etcd/lock_keys.h"
#include "src/etcd/lock_values.h"

namespace monopod::doctor {
namespace {

using Kind = etcd::LockKey::Kind;

// Whether a change of a marker says that its claim is over.
bool SaysOver(const etcd::WatchEvent& event) {
  if (event.deleted) return true;
  const auto marker = etcd::DecodeMarker(event.now);
  return marker && marker->state != etcd::MarkerState::kLive;
}

}  // namespace

void ClaimEnds::Take(const etcd::WatchReport& report) {
  std::set<std::pair<etcd::Revision, std::string>> over;  // with the claim's ID
  for (const etcd::WatchEvent& event : report.events) {
    const auto key = etcd::ParseLockKey(prefix_, event.now.key);
    if (key && key->kind == Kind::kMarker && SaysOver(event)) {
      over.emplace(event.now.mod_revision, key->id);
    }
  }
  const std::lock_guard lock(mutex_);
  for (const etcd::WatchEvent& event : report.events) {
    const auto key = etcd::ParseLockKey(prefix_, event.now.key);
    if (!key || !event.deleted) continue;
    if (key->kind != Kind::kMember && key->kind != Kind::kForeign) continue;
    Count& count = counts_[key->lock];
    ++count.ended;
    const bool clean =
        key->kind == Kind::kForeign || over.contains({event.now.mod_revision, key->id});
    if (!clean) ++count.unclean;
  }
}

std::map<std::string, ClaimEnds::Count> ClaimEnds::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace monopod::doctor
