#include "src/etcd/lock_changes.h"

#include <algorithm>
#include <utility>

#include "src/protocol/times.h"

namespace monopod::etcd {
namespace {

using std::chrono::milliseconds;

Compare At(std::string key, Compare::Target target, Revision revision) {
  return {.key = std::move(key),
          .target = target,
          .relation = Compare::Relation::kEqual,
          .revision = revision,
          .value = {}};
}

Compare ModifiedAt(std::string key, Revision revision) {
  return At(std::move(key), Compare::Target::kModRevision, revision);
}

Revision ModOf(const std::optional<KeyValue>& at) { return at ? at->mod_revision : 0; }

// The number of slots as it shall be, if it is as it was read.
Transaction SayTransaction(const LockKeys& keys, const LockContents& contents,
                           const SlotsValue& shall_be) {
  Transaction say{.compares = {ModifiedAt(keys.Slots(), ModOf(contents.slots))},
                  .then = {Put{keys.Slots(), Encode(shall_be), kNoLease}}};
  // Claims that count ranks keep no tail: who queues by it next must look at all of them.
  if (shall_be.slots == 1) {
    say.then.emplace_back(Put{keys.Tail(), "?", kNoLease});
  } else {
    say.then.emplace_back(Delete{keys.Tail()});
  }
  return say;
}

}  // namespace

Transaction CreateTransaction(const LockKeys& keys, const LockContents& contents, int slots) {
  return {.compares = {ModifiedAt(keys.Slots(), 0), ModifiedAt(keys.Tail(), ModOf(contents.tail))},
          .then = {Put{keys.Slots(), Encode(SlotsValue{.slots = slots}), kNoLease}}};
}

Transaction BreakTransaction(const LockKeys& keys, const Claimed& hold, const std::string& note) {
  Transaction end{.compares = {At(hold.key, Compare::Target::kCreateRevision, hold.created)},
                  .then = {Delete{hold.key}}};
  if (!hold.marker_known) return end;
  const std::string marker = keys.Marker(hold.id);
  MarkerValue noted = hold.marker;
  noted.note = note;
  end.compares.push_back(ModifiedAt(marker, hold.marker_mod));
  end.then.emplace_back(Put{marker, Encode(noted), kNoLease});
  return end;
}

Result<Resizing::Step> Resizing::Next(const LockContents& contents, BootTime now) {
  if (contents.empty()) return Step{.kind = Step::Kind::kNoLock};
  const auto picture = DrawLock({}, keys_, contents);
  if (!picture) return Fail(picture.error());
  const SlotsValue& has = picture->slots;
  if (said_ && has.slots != slots_) return Step{.kind = Step::Kind::kOvertaken};

  // First it is said, then looked at: one who read the larger number may begin until then.
  said_ = said_ || (picture->slots_said && has.slots == slots_);
  const int had = std::max(has.slots, has.before);
  const bool fits = said_ && picture->Fits(slots_);
  const SlotsValue shall_be{.slots = slots_, .before = had > slots_ && !fits ? had : 0};
  Step step{.tidy = Tidy(*picture, now)};
  if (!picture->slots_said || has != shall_be) {
    step.kind = Step::Kind::kWrite;
    step.write = SayTransaction(keys_, contents, shall_be);
  } else {
    step.kind = has.before == 0 ? Step::Kind::kDone : Step::Kind::kAwait;
  }
  return step;
}

// Claims whose members are gone are waited for and tidied away: perhaps nobody else does.
std::vector<Transaction> Resizing::Tidy(const LockPicture& picture, BootTime now) {
  std::vector<Transaction> tidy;
  for (const Claimed& claimed : picture.claims) {
    if (claimed.alive || !claimed.marker_known) continue;
    const BootTime since = gone_since_.try_emplace(claimed.id, now).first->second;
    const milliseconds kill = std::max(claimed.marker.kill, claimed.marker.owed);
    if (!claimed.ended && now < since + protocol::RecoveryTime(kill)) continue;
    const std::string marker = keys_.Marker(claimed.id);
    tidy.push_back({.compares = {ModifiedAt(marker, claimed.marker_mod),
                                 ModifiedAt(keys_.Member(claimed.id), 0)},
                    .then = {Delete{marker}}});
  }
  return tidy;
}

}  // namespace monopod::etcd
