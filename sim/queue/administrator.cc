#include "sim/queue/administrator.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/queue/lock_text.h"

namespace monopod::sim::queue {

using etcd::Compare;
using etcd::Transaction;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

namespace {

Compare At(std::string key, Compare::Target target, etcd::Revision revision) {
  return {.key = std::move(key),
          .target = target,
          .relation = Compare::Relation::kEqual,
          .revision = revision,
          .value = {}};
}

}  // namespace

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

void Administrator::SaySlots() {
  Apply({.compares = {},
         .then = {etcd::Put{keys_.Slots(),
                            etcd::Encode(etcd::SlotsValue{.slots = parts_.schedule.slots}),
                            etcd::kNoLease}}});
}

void Administrator::Act() {
  const Faults& faults = parts_.schedule.faults;
  World& world = parts_.world;
  if (parts_.line.UpAt() > world.queue.now()) return;
  if (world.Happens(faults.breaks)) Break(Soon());
  if (world.Happens(faults.breaks)) BreakWhenProven();
  if (world.Happens(faults.early_revocation)) RevokeWhenProven();
  if (world.Happens(faults.deletion)) DeleteMember();
  if (world.Happens(faults.wipe)) Wipe();
  if (!resize_.goes_on() && world.Happens(faults.resize)) {
    resize_.Begin(1 + static_cast<int>(world.random.Below(3)));
  }
}

// src/lock/etcd_backend.cc.
void Administrator::Break(nanoseconds after) {
  const etcd::LockContents contents = Read();
  const auto picture = etcd::DrawLock(kLockName, keys_, contents);
  if (!picture) return;
  auto holders = picture->Holders();
  std::erase_if(holders, [](const auto* one) { return !one->alive; });
  if (holders.empty()) return;
  const etcd::Claimed& hold = *holders[parts_.world.random.Below(holders.size())];
  Transaction end{.compares = {At(hold.key, Compare::Target::kCreateRevision, hold.created)},
                  .then = {etcd::Delete{hold.key}}};
  if (hold.marker_known) {
    const std::string key = keys_.Marker(hold.id);
    const auto marker = std::ranges::find(contents.markers, key, &etcd::KeyValue::key);
    etcd::MarkerValue noted = hold.marker;
    noted.note = "broken";
    end.compares.push_back(At(key, Compare::Target::kModRevision, marker->mod_revision));
    end.then.emplace_back(etcd::Put{key, etcd::Encode(noted), etcd::kNoLease});
  }
  parts_.world.queue.At(parts_.world.queue.now() + after, [this, end] {
    Trace("breaks a hold");
    Apply(end);
  });
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
