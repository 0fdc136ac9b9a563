// What a claim knows of the claims before it, and what follows: whose turn it is.
#include <algorithm>
#include <utility>

#include "src/etcd/queue_machine.h"

namespace monopod::etcd {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// A claim that ends clean says so in its marker and deletes its member in one transaction, but two
// watches tell of it: a member's end is looked into only if the marker is not heard of for so long.
constexpr milliseconds kMarkerIsHeardOf(5);

}  // namespace

void QueueMachine::TakeScan(const ScanReply& scan, Moment received) {
  scan_needed_ = look_needed_ = false;
  look_at_ = received.boot + LookEvery();
  // Also if the own member is gone: the others' may be deleted before they are read again.
  for (const KeyValue& marker : scan.markers) HeardOf(DecodeMarker(marker).value_or(MarkerValue{}));
  if (!TakeOwnMember(scan.own_member) || !TakeSlots(scan.slots)) return;
  std::vector<Older> found;
  for (const KeyValue& marker : scan.markers) {
    const auto id = keys_.IdOfMarker(marker.key);
    if (!id) continue;
    const auto known = std::ranges::find(older_, *id, &Older::id);
    Older older = known == older_.end() ? Older{.id = *id} : *known;
    if (!SawMarker(older, marker, received.boot)) return;
    const std::string member_key = keys_.Member(*id);
    const auto member = std::ranges::find(scan.members, member_key, &KeyValue::key);
    if (member != scan.members.end()) {
      SawMember(older, *member, received.boot);
    } else {
      // Whether it was written after what was seen is not known.
      SawMemberGone(older, received.boot, {});
    }
    found.push_back(std::move(older));
  }
  TakeUnmarked(scan.members, found, received.boot);
  older_ = std::move(found);
  older_complete_ = true;
  TakeForeign(scan.members);
  DropEndedHead();
  looked_ = true;
}

// Members whose markers somebody deleted by hand: they hold all the same, and are waited for by
// what they said themselves.
void QueueMachine::TakeUnmarked(const std::vector<KeyValue>& members, std::vector<Older>& found,
                                BootTime received) {
  for (const KeyValue& member : members) {
    const auto id = keys_.IdOfMember(member.key);
    if (!id || std::ranges::find(found, *id, &Older::id) != found.end()) continue;
    Older unmarked{.id = *id, .created = member.create_revision};
    SawMember(unmarked, member, received);
    unmarked.marker.kill = unmarked.member.kill;
    unmarked.marker.holder = unmarked.member.holder;
    found.push_back(std::move(unmarked));
  }
  for (Older& known : older_) {
    if (known.marker_known || known.member_mod == 0) continue;
    if (std::ranges::find(found, known.id, &Older::id) != found.end()) continue;
    SawMemberGone(known, received, {});
    if (OverAt(known) > received) found.push_back(known);
  }
}

void QueueMachine::TakeLook(const LookReply& look, Moment received) {
  look_needed_ = false;
  look_at_ = received.boot + LookEvery();
  if (look.marker) HeardOf(DecodeMarker(*look.marker).value_or(MarkerValue{}));
  if (!TakeOwnMember(look.own_member) || !TakeSlots(look.slots)) return;
  Older* older = YoungestAlive();
  if (older == nullptr) return;
  looked_ = true;
  if (!look.marker || (!look.member && !SawMarker(*older, *look.marker, received.boot))) {
    scan_needed_ = true;
    return;
  }
  if (!look.member) {
    // How it ended only its marker tells, or all together.
    scan_needed_ = older->marker.state != MarkerState::kOver;
    DropEndedHead();
    return;
  }
  if (!SawMarker(*older, *look.marker, received.boot)) return;
  SawMember(*older, *look.member, received.boot);
}

bool QueueMachine::TakeOwnMember(const std::optional<KeyValue>& member) {
  if (member && member->create_revision == own_.token) return true;
  position_lost_ = true;
  return false;
}

bool QueueMachine::TakeSlots(const std::optional<KeyValue>& slots) {
  const Revision mod = slots ? slots->mod_revision : 0;
  if (mod == slots_mod_) return true;
  SlotsValue value{.slots = 1};
  if (slots) {
    auto decoded = DecodeSlots(*slots);
    if (!decoded) {
      Fail(std::move(decoded.error()));
      return false;
    }
    value = *decoded;
  }
  // Whoever queues by the tail goes on so: it never takes more than its turn.
  slots_ = value;
  slots_mod_ = mod;
  return true;
}

void QueueMachine::SawMember(Older& older, const KeyValue& member, BootTime received) {
  older.alive = true;
  if (member.mod_revision <= older.member_mod) return;
  older.member_mod = member.mod_revision;
  older.member_seen = received;
  older.member = DecodeMember(member).value_or(MemberValue{});
  seen_kill_ = std::max(seen_kill_, older.member.kill);
}

bool QueueMachine::SawMarker(Older& older, const KeyValue& marker, BootTime received) {
  if (older.marker_known && marker.mod_revision <= older.marker_mod) return true;
  auto decoded = DecodeMarker(marker);
  if (!decoded) {
    // Its times are not known, so it cannot be waited out.
    Fail(std::move(decoded.error()));
    return false;
  }
  older.marker = std::move(*decoded);
  older.marker_known = true;
  HeardOf(older.marker);
  older.marker_mod = marker.mod_revision;
  older.marker_read = received;
  older.created = marker.create_revision;
  return true;
}

void QueueMachine::HeardOf(const MarkerValue& marker) {
  seen_kill_ = std::max({seen_kill_, marker.kill, marker.owed});
}

void QueueMachine::SawMemberGone(Older& older, BootTime counted_from,
                                 const std::optional<KeyValue>& last) {
  if (!older.alive) return;
  older.alive = false;
  older.counted_from = counted_from;
  if (last) older.member = DecodeMember(*last).value_or(MemberValue{});
  if (last) seen_kill_ = std::max(seen_kill_, older.member.kill);
  if (!last) older.member.phase = MemberPhase::kQueued;
}

// Keys that are not ours count by being there: they end when they are gone.
void QueueMachine::TakeForeign(const std::vector<KeyValue>& members) {
  std::map<std::string, Foreign> found;
  for (const KeyValue& member : members) {
    if (keys_.IdOfMember(member.key)) continue;
    const auto known = foreign_.find(member.key);
    found[member.key] =
        known == foreign_.end() ? Foreign{.lease = member.lease, .granted = {}} : known->second;
    if (member.lease == kNoLease) found[member.key].granted = std::chrono::seconds(0);
  }
  for (const auto& [key, foreign] : foreign_) {
    if (found.contains(key) || foreign.lease == kNoLease) continue;
    ended_foreign_.push_back(foreign);
  }
  foreign_ = std::move(found);
}

void QueueMachine::OnMemberEvent(Older& older, const WatchEvent& event, BootTime received) {
  if (!event.deleted) {
    SawMember(older, event.now, received);
    return;
  }
  if (!older.alive || event.now.mod_revision <= older.member_mod) return;
  // Its last proof was the one that was seen: its time counts from then. Else from now.
  const bool seen = event.previous && event.previous->mod_revision == older.member_mod;
  SawMemberGone(older, seen ? older.member_seen : received, event.previous);
  confirm_at_ = received + kMarkerIsHeardOf;
}

void QueueMachine::OnMarkerEvent(Older& older, const WatchEvent& event, BootTime received) {
  if (!event.deleted) {
    SawMarker(older, event.now, received);
    return;
  }
  if (event.previous) HeardOf(DecodeMarker(*event.previous).value_or(MarkerValue{}));
  // Only all markers together tell what that means, and whether the own claim still stands.
  scan_needed_ = true;
}

// Whoever held under the rule of one slot was at the head: when it is over, so is everything older.
void QueueMachine::DropEndedHead() {
  const auto ended = std::ranges::find_if(older_, [](const Older& one) {
    return one.marker_known && one.marker.state == MarkerState::kOver && one.marker.slots == 1;
  });
  if (ended == older_.end()) return;
  const Revision head = ended->created;
  tidy_later_.push_back({.id = ended->id, .mod = ended->marker_mod});
  std::erase_if(older_, [&](const Older& one) { return one.created <= head; });
  older_complete_ = looked_ = true;
  confirm_at_ = {};
  look_needed_ = scan_needed_;
  DropEndedHead();
}

QueueMachine::Older* QueueMachine::Youngest() {
  const auto youngest = std::ranges::max_element(older_, {}, &Older::created);
  return youngest == older_.end() ? nullptr : &*youngest;
}

QueueMachine::Older* QueueMachine::YoungestAlive() {
  Older* youngest = nullptr;
  for (Older& older : older_) {
    if (older.alive && (youngest == nullptr || older.created > youngest->created)) {
      youngest = &older;
    }
  }
  return youngest;
}

// When the work of a claim whose member is gone is over.
BootTime QueueMachine::OverAt(const Older& older) const {
  if (older.marker.state != MarkerState::kLive || !claim_.recovery_delay) return BootTime::min();
  milliseconds kill = older.marker.kill;
  // It would have written its member again before it held.
  if (older.member.phase == MemberPhase::kWaiting) kill = milliseconds(0);
  kill = std::max(kill, older.marker.owed);
  if (kill == milliseconds(0)) return BootTime::min();
  return CountedFrom(older) + protocol::RecoveryTime(kill) + claim_.lock_delay;
}

// What others have watched, or what this claim has, whichever is longer, never the sum.
BootTime QueueMachine::CountedFrom(const Older& older) {
  if (older.marker.credit == milliseconds(0)) return older.counted_from;
  return std::min(older.counted_from, older.marker_read - older.marker.credit);
}

int QueueMachine::AheadCount(BootTime now) const {
  const auto ahead = std::ranges::count_if(
      older_, [&](const Older& one) { return one.alive || OverAt(one) > now; });
  return static_cast<int>(ahead) + static_cast<int>(foreign_.size());
}

BootTime QueueMachine::NextOverAt(BootTime now) const {
  BootTime next = BootTime::max();
  for (const Older& older : older_) {
    if (older.alive) continue;
    if (const BootTime over = OverAt(older); over > now) next = std::min(next, over);
  }
  return next;
}

}  // namespace monopod::etcd
