#include "sim/queue/administrator.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/queue/lock_text.h"
#include "src/etcd/lock_changes.h"

namespace monopod::sim::queue {

using etcd::Transaction;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

Administrator::Administrator(const Parts& parts)
    : parts_(parts),
      keys_(kPrefix, kLockName),
      resize_({parts.world, parts.line, parts.cluster, parts.clock}) {}

nanoseconds Administrator::Soon() {
  return parts_.world.random.In({.from = milliseconds(1), .to = milliseconds(200)});
}

void Administrator::Trace(const std::string& text) {
  parts_.world.trace.Add(parts_.world.queue.now(), "admin", text.size(), [&] { return text; });
}

etcd::LockContents Administrator::Read() {
  const auto reply = parts_.cluster.Transact(etcd::ReadLockTransaction(keys_), {});
  return etcd::ReadLockContents(*reply);
}

void Administrator::Apply(const Transaction& transaction) {
  (void)parts_.cluster.Transact(transaction, {});
  // An answer that was lost is asked for again by the same.
  if (!parts_.world.Happens(parts_.schedule.faults.lost_reply)) return;
  parts_.world.queue.At(parts_.world.queue.now() + Soon(),
                        [this, transaction] { (void)parts_.cluster.Transact(transaction, {}); });
}

void Administrator::SaySlots() { Apply(etcd::CreateTransaction(keys_, {}, parts_.schedule.slots)); }

void Administrator::Act() {
  const Faults& faults = parts_.schedule.faults;
  World& world = parts_.world;
  if (parts_.line.UpAt() > world.queue.now()) return;
  if (world.Happens(faults.breaks)) Break(Soon());
  if (world.Happens(faults.breaks)) BreakWhenProven();
  if (world.Happens(faults.early_revocation)) RevokeWhenProven();
  if (world.Happens(faults.deletion)) DeleteMember();
  if (world.Happens(faults.wipe)) Wipe();
  if (faults.sticky > 0 && world.Happens(0.3)) BreakAbandoned();
  if (!resize_.goes_on() && world.Happens(faults.resize)) {
    resize_.Begin(1 + static_cast<int>(world.random.Below(3)));
  }
}

void Administrator::Break(nanoseconds after) {
  const auto picture = etcd::DrawLock(kLockName, keys_, Read());
  if (!picture) return;
  auto holders = picture->Holders();
  std::erase_if(holders, [](const auto* one) { return !one->alive; });
  if (holders.empty()) return;
  const etcd::Claimed& hold = *holders[parts_.world.random.Below(holders.size())];
  const Transaction end = etcd::BreakTransaction(keys_, hold, "broken");
  parts_.world.queue.At(parts_.world.queue.now() + after, [this, end] {
    Trace("breaks a hold");
    Apply(end);
  });
}

void Administrator::BreakAbandoned() {
  if (parts_.line.UpAt() > parts_.world.queue.now()) return;
  const etcd::LockContents contents = Read();
  for (const etcd::KeyValue& member : contents.members) {
    const bool ours = keys_.IdOfMember(member.key).has_value();
    if (!ours || member.lease != etcd::kNoLease || parts_.has_process(member.key)) continue;
    const auto picture = etcd::DrawLock(kLockName, keys_, contents);
    if (!picture) return;
    const auto hold = std::ranges::find(picture->claims, member.key, &etcd::Claimed::key);
    Trace("breaks an abandoned hold: " + member.key);
    Apply(etcd::BreakTransaction(keys_, *hold, "abandoned"));
  }
}

// The holder has just proved its hold, and does not hear of its end.
void Administrator::BreakWhenProven() {
  parts_.cluster.Ambush([this](const Change& proof) {
    parts_.cut_off(proof);
    Break(nanoseconds(1));
  });
}

void Administrator::RevokeWhenProven() {
  const bool unheard = parts_.world.random.Chance(0.5);
  parts_.cluster.Ambush([this, unheard](const Change& proof) {
    if (unheard) parts_.cut_off(proof);
    parts_.world.queue.At(parts_.world.queue.now() + parts_.line.Latency(),
                          [this, lease = proof.after->lease] {
                            Trace("has a lease revoked that was just kept");
                            (void)parts_.cluster.Revoke(lease);
                          });
  });
}

void Administrator::DeleteMember() {
  const auto contents = Read();
  if (contents.members.empty()) return;
  const auto& member = contents.members[parts_.world.random.Below(contents.members.size())];
  Trace("deletes by hand " + member.key);
  (void)parts_.cluster.Transact({.compares = {}, .then = {etcd::Delete{member.key}}}, {});
}

void Administrator::Wipe() {
  Trace("deletes everything by hand");
  (void)parts_.cluster.Transact(
      {.compares = {}, .then = {etcd::Delete{kPrefix, etcd::EndOfPrefix(kPrefix)}}}, {});
  parts_.checker.OnWiped();
}

}  // namespace monopod::sim::queue
