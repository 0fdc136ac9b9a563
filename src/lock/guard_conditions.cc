#include "src/lock/guard_conditions.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/base/clock.h"

namespace monopod::lock {
namespace {

using etcd::Claimed;
using etcd::LockPicture;

const Claimed* FindHold(const GuardedHold& hold, const LockPicture& picture) {
  const auto found = std::ranges::find_if(picture.claims, [&](const Claimed& claimed) {
    return !claimed.foreign && static_cast<Token>(claimed.created) == hold.token &&
           (!hold.instance || etcd::NonceOfId(claimed.id) == hold.instance);
  });
  return found == picture.claims.end() ? nullptr : &*found;
}

// The claim queues by ranks: its lock had more than one slot.
bool SharesLock(const Claimed& claimed) { return claimed.marker_known && claimed.marker.slots > 1; }

bool MayHold(const Claimed& claimed, const LockPicture& picture) {
  // One of several holders has said so before it began; a single one need not.
  if (SharesLock(claimed)) return claimed.member.phase == etcd::MemberPhase::kHeld;
  return claimed.created == std::ranges::find(picture.claims, true, &Claimed::alive)->created;
}

std::string HoldersNow(const LockPicture& picture) {
  std::vector<std::string> holders;
  for (const Claimed* holder : picture.Holders()) {
    if (!holder->alive) continue;
    const std::string since = holder->member.acquired == WallTime{}
                                  ? ""
                                  : ", since " + FormatWallTime(holder->member.acquired);
    holders.push_back(
        fmt::format("{} (token {}{})", holder->member.holder.name, holder->created, since));
  }
  if (!holders.empty()) {
    return fmt::format("{} hold{} it now", fmt::join(holders, ", "),
                       holders.size() == 1 ? "s" : "");
  }
  const auto next = std::ranges::find(picture.claims, true, &Claimed::alive);
  if (next == picture.claims.end()) return "nobody holds it now";
  return fmt::format("{} (token {}) is taking it over", next->member.holder.name, next->created);
}

}  // namespace

Result<std::vector<GuardCondition>> ConditionsOf(const GuardedHold& hold,
                                                 const etcd::LockKeys& keys,
                                                 const etcd::LockContents& contents) {
  using Relation = GuardCondition::Relation;
  const auto picture = etcd::DrawLock(hold.lock, keys, contents);
  if (!picture) return Fail(picture.error());
  const Claimed* own = FindHold(hold, *picture);
  if (own == nullptr || !own->alive || !MayHold(*own, *picture)) {
    return Fail(FencedOff(hold, keys, contents));
  }
  std::vector<GuardCondition> conditions = {{.key = own->key,
                                             .range_end = {},
                                             .relation = Relation::kEqual,
                                             .create_revision = own->created}};
  if (!SharesLock(*own)) {
    // The own key is in the range: etcd takes an empty one for a key that was created at 0.
    const auto queue = keys.Queue();
    conditions.push_back({.key = queue.begin,
                          .range_end = queue.end,
                          .relation = Relation::kGreater,
                          .create_revision = own->created - 1});
  }
  return conditions;
}

etcd::Transaction GuardedTransaction(const std::vector<GuardCondition>& conditions,
                                     etcd::Operation operation, const etcd::LockKeys& keys) {
  etcd::Transaction guarded;
  for (const GuardCondition& condition : conditions) {
    guarded.compares.push_back({.key = condition.key,
                                .target = etcd::Compare::Target::kCreateRevision,
                                .relation = condition.relation == GuardCondition::Relation::kEqual
                                                ? etcd::Compare::Relation::kEqual
                                                : etcd::Compare::Relation::kGreater,
                                .revision = condition.create_revision,
                                .value = {},
                                .end = condition.range_end});
  }
  guarded.then.push_back(std::move(operation));
  guarded.otherwise = etcd::ReadLockTransaction(keys).then;
  return guarded;
}

Error FencedOff(const GuardedHold& hold, const etcd::LockKeys& keys,
                const etcd::LockContents& contents) {
  const auto picture = etcd::DrawLock(hold.lock, keys, contents);
  if (!picture) {
    return {ErrorCode::kNotHolder,
            fmt::format("fenced off: the hold of \"{}\" with token {} does not stand; who holds it "
                        "now cannot be read: {}",
                        hold.lock, hold.token, picture.error().message)};
  }
  const Claimed* own = FindHold(hold, *picture);
  std::string why = "is over";
  if (own == nullptr &&
      FindHold({.lock = hold.lock, .token = hold.token, .instance = {}}, *picture)) {
    why = "is not that of this handle";
  }
  if (own != nullptr && own->alive) why = "has not begun";
  if (own != nullptr && !own->alive && !own->marker.note.empty()) {
    why = "is over (" + own->marker.note + ")";
  }
  return {ErrorCode::kNotHolder, fmt::format("fenced off: the hold of \"{}\" with token {} {}; {}",
                                             hold.lock, hold.token, why, HoldersNow(*picture))};
}

Result<void> CheckGuardedKey(std::string_view prefix, std::string_view key) {
  if (key.empty()) return Fail(ErrorCode::kInvalidArgument, "an empty key is not allowed");
  if (key.starts_with(prefix)) {
    const std::string_view rest = key.substr(prefix.size());
    for (const std::string_view kept : {"locks/", "marks/", "tails/", "slots/"}) {
      if (!rest.starts_with(kept)) continue;
      return Fail(ErrorCode::kInvalidArgument,
                  fmt::format("the key \"{}\" is not allowed: what begins with {}{} keeps locks",
                              key, prefix, kept));
    }
  }
  return {};
}

}  // namespace monopod::lock
