#include "src/etcd/lock_transactions.h"

#include <utility>

namespace monopod::etcd {
namespace {

Compare CreatedAt(std::string key, Revision revision) {
  return {.key = std::move(key),
          .target = Compare::Target::kCreateRevision,
          .relation = Compare::Relation::kEqual,
          .revision = revision,
          .value = {}};
}

Compare ModifiedAt(std::string key, Revision revision) {
  return {.key = std::move(key),
          .target = Compare::Target::kModRevision,
          .relation = Compare::Relation::kEqual,
          .revision = revision,
          .value = {}};
}

Compare CreatedAfter(std::string key, Revision revision) {
  return {.key = std::move(key),
          .target = Compare::Target::kCreateRevision,
          .relation = Compare::Relation::kGreater,
          .revision = revision,
          .value = {}};
}

Compare Exists(std::string key) { return CreatedAfter(std::move(key), 0); }

Compare IsTail(const LockKeys& keys, const std::string& id) {
  return {.key = keys.Tail(),
          .target = Compare::Target::kValue,
          .relation = Compare::Relation::kEqual,
          .revision = 0,
          .value = id};
}

Range Get(std::string key) { return {.key = std::move(key)}; }

// Replies come in the order of the operations, so `index` is the builder's own.
const RangeReply& RangeAt(const std::vector<OperationReply>& replies, std::size_t index) {
  static const RangeReply kNothing;
  if (index >= replies.size()) return kNothing;
  const auto* range = std::get_if<RangeReply>(&replies[index]);
  return range == nullptr ? kNothing : *range;
}

std::optional<KeyValue> OneAt(const std::vector<OperationReply>& replies, std::size_t index) {
  const RangeReply& range = RangeAt(replies, index);
  if (range.found.empty()) return std::nullopt;
  return range.found.front();
}

}  // namespace

Transaction ClaimTransaction(const LockKeys& keys, const ClaimRequest& request) {
  const bool by_tail = request.marker.slots == 1;
  Transaction claim{.compares = {CreatedAt(keys.Marker(request.id), 0),
                                 ModifiedAt(keys.Slots(), request.slots_mod)}};
  claim.then = {Put{keys.Member(request.id), Encode(request.member), request.lease},
                Put{keys.Marker(request.id), Encode(request.marker), kNoLease}};
  if (by_tail) {
    const auto foreign = keys.Foreign();
    claim.then.emplace_back(Get(keys.Tail()));
    claim.then.emplace_back(Range{.key = foreign.begin, .end = foreign.end, .keys_only = true});
    claim.then.emplace_back(Put{keys.Tail(), request.id, kNoLease});
  } else if (request.first_use) {
    claim.compares.push_back(CreatedAt(keys.Tail(), 0));
    claim.then.emplace_back(
        Put{keys.Slots(), Encode(SlotsValue{.slots = request.marker.slots}), kNoLease});
  }
  claim.otherwise = {Get(keys.Marker(request.id)), Get(keys.Slots()), Get(keys.Tail())};
  return claim;
}

ClaimReply ReadClaimReply(const TransactionReply& reply, const ClaimRequest& request) {
  ClaimReply read{.claimed = reply.succeeded};
  if (!reply.succeeded) {
    read.own_marker = OneAt(reply.replies, 0);
    read.slots = OneAt(reply.replies, 1);
    read.tail_exists = OneAt(reply.replies, 2).has_value();
    return read;
  }
  if (request.marker.slots != 1) return read;
  if (const auto tail = OneAt(reply.replies, 2)) read.old_tail = tail->value;
  read.foreign = RangeAt(reply.replies, 3).found;
  return read;
}

Transaction ProveTransaction(const LockKeys& keys, const Standing& own, const MemberWrite& write,
                             std::span<const FinishedMarker> finished) {
  Transaction prove{.compares = {CreatedAt(keys.Member(own.id), own.token),
                                 ModifiedAt(keys.Member(own.id), own.member_mod)}};
  if (write.slots_mod) prove.compares.push_back(ModifiedAt(keys.Slots(), *write.slots_mod));
  prove.then.emplace_back(Put{keys.Member(own.id), Encode(write.value), write.lease});
  for (const FinishedMarker& marker : finished) {
    prove.compares.push_back(ModifiedAt(keys.Marker(marker.id), marker.mod));
    prove.compares.push_back(CreatedAt(keys.Member(marker.id), 0));
    prove.then.emplace_back(Delete{keys.Marker(marker.id)});
  }
  prove.otherwise = {Get(keys.Member(own.id)), Get(keys.Marker(own.id))};
  return prove;
}

OwnKeys ReadOwnKeys(const TransactionReply& reply) {
  return {.member = OneAt(reply.replies, 0), .marker = OneAt(reply.replies, 1)};
}

Transaction ReleaseTransaction(const LockKeys& keys, const Standing& own,
                               const ReleaseRequest& request) {
  Transaction release{
      .compares = {IsTail(keys, own.id), CreatedAt(keys.Marker(own.id), own.token)}};
  release.then = {Delete{keys.Member(own.id)}, Delete{keys.Marker(own.id)}, Delete{keys.Tail()}};
  release.otherwise = {Delete{keys.Member(own.id)}};
  if (request.marker.slots > 1) {
    // Nobody follows its marker: whoever counts ranks looks for markers that are gone.
    release.otherwise.emplace_back(Delete{keys.Marker(own.id)});
  } else {
    MarkerValue over = request.marker;
    over.state = MarkerState::kOver;
    // The marker may be gone: a successor that took this claim for dead has tidied it away.
    release.otherwise.emplace_back(
        Transaction{.compares = {CreatedAt(keys.Marker(own.id), own.token)},
                    .then = {Put{keys.Marker(own.id), Encode(over), kNoLease}}});
  }
  for (const FinishedMarker& marker : request.finished) {
    release.then.emplace_back(Delete{keys.Marker(marker.id)});
    release.otherwise.emplace_back(Delete{keys.Marker(marker.id)});
  }
  return release;
}

Transaction DropClaimTransaction(const LockKeys& keys, const Standing& own,
                                 std::span<const FinishedMarker> finished) {
  Transaction drop{.compares = {IsTail(keys, own.id), CreatedAt(keys.Marker(own.id), own.token)}};
  drop.otherwise = {Delete{keys.Member(own.id)}, Delete{keys.Marker(own.id)}};
  for (const FinishedMarker& marker : finished) {
    drop.otherwise.emplace_back(Delete{keys.Marker(marker.id)});
  }
  drop.then = drop.otherwise;
  drop.then.emplace_back(Delete{keys.Tail()});
  return drop;
}

bool MemberStood(const TransactionReply& release) {
  if (release.replies.empty()) return false;
  const auto* deleted = std::get_if<DeleteReply>(&release.replies.front());
  return deleted != nullptr && deleted->deleted > 0;
}

Transaction GiveUpTransaction(const LockKeys& keys, const Standing& own,
                              const GiveUpRequest& request) {
  MarkerValue left = request.marker;
  left.state = MarkerState::kLeft;
  left.credit = {};
  // The marker may be gone: a successor that took this claim for dead has tidied it away.
  Transaction leave{
      .compares = {CreatedAt(keys.Marker(own.id), own.token)},
      .then = {Delete{keys.Member(own.id)}, Put{keys.Marker(own.id), Encode(left), kNoLease}},
      .otherwise = {Delete{keys.Member(own.id)}}};
  for (const FinishedMarker& marker : request.finished) {
    leave.then.emplace_back(Delete{keys.Marker(marker.id)});
  }
  if (!request.predecessor && !request.alone) return leave;
  Transaction give_up{.compares = {IsTail(keys, own.id), CreatedAt(keys.Marker(own.id), own.token)},
                      .then = {Delete{keys.Member(own.id)}, Delete{keys.Marker(own.id)}},
                      .otherwise = {std::move(leave)}};
  if (request.predecessor) {
    give_up.compares.push_back(Exists(keys.Marker(*request.predecessor)));
    give_up.then.emplace_back(Put{keys.Tail(), *request.predecessor, kNoLease});
  } else {
    give_up.then.emplace_back(Delete{keys.Tail()});
  }
  for (const FinishedMarker& marker : request.finished) {
    give_up.then.emplace_back(Delete{keys.Marker(marker.id)});
  }
  return give_up;
}

Transaction DropMemberTransaction(const LockKeys& keys, const Standing& own) {
  return {.compares = {CreatedAt(keys.Marker(own.id), own.token)},
          .then = {Delete{keys.Member(own.id)}},
          .otherwise = {Delete{keys.Member(own.id)}}};
}

Transaction AbandonTransaction(const LockKeys& keys, const Standing& own, MarkerValue marker) {
  marker.state = MarkerState::kLeft;
  return {.compares = {CreatedAfter(keys.Marker(own.id), own.token)},
          .then = {Put{keys.Marker(own.id), Encode(marker), kNoLease}}};
}

Transaction ScanTransaction(const LockKeys& keys, const Standing& own) {
  const auto markers = keys.Markers();
  const auto queue = keys.Queue();
  const Revision older = own.token - 1;
  return {.compares = {},
          .then = {Get(keys.Member(own.id)), Get(keys.Slots()),
                   Range{.key = markers.begin, .end = markers.end, .max_create_revision = older},
                   Range{.key = queue.begin, .end = queue.end, .max_create_revision = older}}};
}

ScanReply ReadScanReply(const TransactionReply& reply) {
  return {.own_member = OneAt(reply.replies, 0),
          .slots = OneAt(reply.replies, 1),
          .markers = RangeAt(reply.replies, 2).found,
          .members = RangeAt(reply.replies, 3).found};
}

Transaction LookTransaction(const LockKeys& keys, const Standing& own,
                            const std::string& predecessor) {
  return {.compares = {},
          .then = {Get(keys.Member(own.id)), Get(keys.Slots()), Get(keys.Member(predecessor)),
                   Get(keys.Marker(predecessor))}};
}

LookReply ReadLookReply(const TransactionReply& reply) {
  return {.own_member = OneAt(reply.replies, 0),
          .slots = OneAt(reply.replies, 1),
          .member = OneAt(reply.replies, 2),
          .marker = OneAt(reply.replies, 3)};
}

Transaction HolderTransaction(const LockKeys& keys) {
  const auto queue = keys.Queue();
  return {
      .compares = {},
      .then = {Range{
          .key = queue.begin, .end = queue.end, .limit = 1, .order = Range::Order::kOldestFirst}}};
}

std::optional<KeyValue> ReadHolderReply(const TransactionReply& reply) {
  return OneAt(reply.replies, 0);
}

Transaction CreditTransaction(const LockKeys& keys, std::span<const CreditWrite> credits) {
  Transaction all;
  for (const CreditWrite& credit : credits) {
    const std::string key = keys.Marker(credit.marker.id);
    all.then.emplace_back(Transaction{.compares = {ModifiedAt(key, credit.marker.mod)},
                                      .then = {Put{key, Encode(credit.value), kNoLease}}});
  }
  return all;
}

}  // namespace monopod::etcd
