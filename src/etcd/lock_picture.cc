#include "src/etcd/lock_picture.h"

#include <algorithm>
#include <map>
#include <utility>

namespace monopod::etcd {
namespace {

template <class Reply>
const std::vector<KeyValue>& FoundAt(const Reply& reply, std::size_t index) {
  static const std::vector<KeyValue> kNothing;
  if (index >= reply.replies.size()) return kNothing;
  const auto* range = std::get_if<RangeReply>(&reply.replies[index]);
  return range == nullptr ? kNothing : range->found;
}

std::optional<KeyValue> One(const std::vector<KeyValue>& found) {
  if (found.empty()) return std::nullopt;
  return found.front();
}

}  // namespace

Transaction ReadLockTransaction(const LockKeys& keys) {
  const auto queue = keys.Queue();
  const auto markers = keys.Markers();
  return {.compares = {},
          .then = {Range{.key = queue.begin, .end = queue.end},
                   Range{.key = markers.begin, .end = markers.end}, Range{.key = keys.Tail()},
                   Range{.key = keys.Slots()}}};
}

LockContents ReadLockContents(const TransactionReply& reply) {
  return {.members = FoundAt(reply, 0),
          .markers = FoundAt(reply, 1),
          .tail = One(FoundAt(reply, 2)),
          .slots = One(FoundAt(reply, 3))};
}

Result<LockPicture> DrawLock(std::string name, const LockKeys& keys, const LockContents& contents) {
  LockPicture picture{.name = std::move(name)};
  if (contents.slots) {
    const auto slots = DecodeSlots(*contents.slots);
    if (!slots) return Fail(slots.error());
    picture.slots = *slots;
    picture.slots_said = true;
  }
  std::map<std::string, Claimed> by_id;
  for (const KeyValue& marker : contents.markers) {
    const auto id = keys.IdOfMarker(marker.key);
    if (!id) continue;
    Claimed claimed{.id = *id, .key = marker.key, .created = marker.create_revision};
    claimed.alive = false;
    claimed.marker_known = true;
    claimed.marker_mod = marker.mod_revision;
    auto value = DecodeMarker(marker);
    if (!value) return Fail(std::move(value.error()));
    claimed.marker = std::move(*value);
    claimed.ended = claimed.marker.state != MarkerState::kLive;
    claimed.member.holder = claimed.marker.holder;
    claimed.member.kind = claimed.marker.kind;
    by_id[*id] = std::move(claimed);
  }
  for (const KeyValue& member : contents.members) {
    const auto id = keys.IdOfMember(member.key);
    Claimed& claimed = by_id[id.value_or(member.key)];
    claimed.key = member.key;
    claimed.created = member.create_revision;
    claimed.alive = true;
    claimed.ended = false;
    claimed.foreign = !id;
    if (!id) {
      claimed.member.holder.name = member.key;
      continue;
    }
    claimed.id = *id;
    auto value = DecodeMember(member);
    if (!value) return Fail(std::move(value.error()));
    claimed.member = std::move(*value);
  }
  for (auto& [id, claimed] : by_id) picture.claims.push_back(std::move(claimed));
  std::ranges::sort(picture.claims, {}, &Claimed::created);
  return picture;
}

std::vector<const Claimed*> LockPicture::Holders() const {
  std::vector<const Claimed*> holders;
  const int places = std::max(slots.slots, slots.before);
  int tail_turns = 1;
  for (const Claimed& claimed : claims) {
    if (claimed.ended || static_cast<int>(holders.size()) >= places) continue;
    // Of those who queue by the tail only the first may hold.
    const bool by_rank = claimed.marker_known && claimed.marker.slots > 1;
    if (claimed.alive && by_rank && claimed.member.phase != MemberPhase::kHeld) continue;
    if (claimed.alive && !by_rank && !claimed.foreign && tail_turns-- <= 0) continue;
    if (claimed.alive && claimed.member.phase == MemberPhase::kWaiting) continue;
    holders.push_back(&claimed);
  }
  return holders;
}

int LockPicture::Waiting() const {
  const auto holders = Holders();
  const auto waits = [&](const Claimed& claimed) {
    return claimed.alive && std::ranges::find(holders, &claimed) == holders.end();
  };
  return static_cast<int>(std::ranges::count_if(claims, waits));
}

}  // namespace monopod::etcd
