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

std::vector<const Claimed*> LockPicture::Unended() const {
  std::vector<const Claimed*> unended;
  for (const Claimed& claimed : claims) {
    if (!claimed.ended) unended.push_back(&claimed);
  }
  return unended;
}

// Of those that queue by the tail, and of others' keys, only the oldest may hold.
bool LockPicture::MayHold(const Claimed& claimed) const {
  if (!claimed.alive) return true;
  if (claimed.member.phase == MemberPhase::kWaiting) return false;
  if (claimed.marker_known && claimed.marker.slots > 1) {
    return claimed.member.phase == MemberPhase::kHeld;
  }
  const auto older_live = [&](const Claimed& other) {
    const bool by_rank = other.marker_known && other.marker.slots > 1;
    return other.alive && !by_rank && other.created < claimed.created;
  };
  return std::ranges::none_of(claims, older_live);
}

std::vector<const Claimed*> LockPicture::Holders() const {
  std::vector<const Claimed*> holders;
  const auto places = static_cast<std::size_t>(std::max({slots.slots, slots.before, 1}));
  for (const Claimed* claimed : Unended()) {
    if (MayHold(*claimed) && holders.size() < places) holders.push_back(claimed);
  }
  return holders;
}

bool LockPicture::Fits(int wanted) const {
  const auto unended = Unended();
  const auto may_hold = [&](const Claimed* claimed) { return MayHold(*claimed); };
  const auto youngest = std::find_if(unended.rbegin(), unended.rend(), may_hold);
  return unended.rend() - youngest <= wanted;
}

int LockPicture::Waiting() const {
  const auto holders = Holders();
  const auto waits = [&](const Claimed& claimed) {
    return claimed.alive && std::ranges::find(holders, &claimed) == holders.end();
  };
  return static_cast<int>(std::ranges::count_if(claims, waits));
}

}  // namespace monopod::etcd
