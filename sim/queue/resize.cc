#include "sim/queue/resize.h"

#include <algorithm>
#include <utility>

#include "sim/queue/lock_text.h"
#include "src/protocol/times.h"

namespace monopod::sim::queue {

using etcd::Compare;
using etcd::SlotsValue;
using etcd::Transaction;
using std::chrono::milliseconds;

namespace {

Compare ModifiedAt(std::string key, etcd::Revision revision) {
  return {.key = std::move(key),
          .target = Compare::Target::kModRevision,
          .relation = Compare::Relation::kEqual,
          .revision = revision,
          .value = {}};
}

}  // namespace

Resize::Resize(const Parts& parts) : parts_(parts), keys_(kPrefix, kLockName) {}

void Resize::Begin(int slots) {
  slots_ = slots;
  said_ = false;
  gone_since_.clear();
  Step();
}

void Resize::Later() {
  const auto pause = parts_.world.random.In({.from = milliseconds(1), .to = milliseconds(200)});
  parts_.world.queue.At(std::max(parts_.world.queue.now() + pause, parts_.line.UpAt()),
                        [this] { Step(); });
}

void Resize::Step() {
  const auto reply = parts_.cluster.Transact(etcd::ReadLockTransaction(keys_), {});
  const BootTime now = parts_.clock.At(parts_.world.queue.now());
  const etcd::LockContents contents = etcd::ReadLockContents(*reply);
  const auto picture = etcd::DrawLock(kLockName, keys_, contents);
  // There is no such lock, or somebody else resized it meanwhile.
  if (contents.empty() || !picture || (said_ && picture->slots.slots != slots_)) {
    slots_ = 0;
    return;
  }
  TidyAway(*picture, contents, now);
  const SlotsValue& has = picture->slots;
  said_ = said_ || (picture->slots_said && has.slots == slots_);
  const int had = std::max(has.slots, has.before);
  const bool fits = said_ && picture->Fits(slots_);
  const SlotsValue shall_be{.slots = slots_, .before = had > slots_ && !fits ? had : 0};
  if (picture->slots_said && has == shall_be) {
    if (has.before == 0)
      slots_ = 0;
    else
      Later();
    return;
  }
  Transaction resize{
      .compares = {ModifiedAt(keys_.Slots(), contents.slots ? contents.slots->mod_revision : 0)},
      .then = {etcd::Put{keys_.Slots(), etcd::Encode(shall_be), etcd::kNoLease}}};
  if (shall_be.slots == 1) {
    resize.then.emplace_back(etcd::Put{keys_.Tail(), "?", etcd::kNoLease});
  } else {
    resize.then.emplace_back(etcd::Delete{keys_.Tail()});
  }
  Apply(std::move(resize), true);
  Later();
}

// Claims whose members are gone are waited for and tidied away: perhaps nobody else does.
void Resize::TidyAway(const etcd::LockPicture& picture, const etcd::LockContents& contents,
                      BootTime now) {
  for (const etcd::Claimed& claimed : picture.claims) {
    if (claimed.alive || !claimed.marker_known) continue;
    const std::string key = keys_.Marker(claimed.id);
    const BootTime since = gone_since_.try_emplace(key, now).first->second;
    const milliseconds kill = std::max(claimed.marker.kill, claimed.marker.owed);
    if (!claimed.ended && now < since + protocol::RecoveryTime(kill)) continue;
    const auto marker = std::ranges::find(contents.markers, key, &etcd::KeyValue::key);
    Apply({.compares = {ModifiedAt(key, marker->mod_revision),
                        ModifiedAt(keys_.Member(claimed.id), 0)},
           .then = {etcd::Delete{key}}},
          false);
  }
}

void Resize::Apply(Transaction transaction, bool says_it) {
  World& world = parts_.world;
  const auto apply = [this, says_it, transaction = std::move(transaction)] {
    if (parts_.line.UpAt() > parts_.world.queue.now()) return;
    const auto reply = parts_.cluster.Transact(transaction, {});
    said_ = said_ || (says_it && reply && reply->succeeded);
  };
  world.queue.At(world.queue.now() + parts_.line.Latency(), apply);
  // An answer that was lost is asked for again by the same.
  if (world.Happens(0.1)) {
    world.queue.At(world.queue.now() + world.random.In({.to = milliseconds(300)}), apply);
  }
}

}  // namespace monopod::sim::queue
