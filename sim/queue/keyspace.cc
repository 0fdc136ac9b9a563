#include "sim/queue/keyspace.h"

#include <algorithm>
#include <string_view>
#include <tuple>

namespace monopod::sim::queue {
namespace {

using etcd::Compare;
using etcd::Delete;
using etcd::KeyValue;
using etcd::Operation;
using etcd::Put;
using etcd::Range;
using etcd::RangeReply;
using etcd::Revision;
using etcd::Transaction;
using etcd::TransactionReply;

constexpr std::size_t kMostOperations = 128;

using Keys = Keyspace::Keys;

template <class Value>
bool Relates(Compare::Relation relation, const Value& stands, const Value& said) {
  switch (relation) {
    case Compare::Relation::kEqual: return stands == said;
    case Compare::Relation::kNotEqual: return stands != said;
    case Compare::Relation::kLess: return stands < said;
    case Compare::Relation::kGreater: return stands > said;
  }
  return false;
}

bool Holds(const Compare& compare, const Keys& keys) {
  const auto at = keys.find(compare.key);
  const bool exists = at != keys.end();
  switch (compare.target) {
    case Compare::Target::kCreateRevision:
      return Relates(compare.relation, exists ? at->second.create_revision : 0, compare.revision);
    case Compare::Target::kModRevision:
      return Relates(compare.relation, exists ? at->second.mod_revision : 0, compare.revision);
    case Compare::Target::kValue:
      return exists && Relates(compare.relation, at->second.value, compare.value);
  }
  return false;
}

const std::vector<Operation>& Branch(const Transaction& transaction, bool succeeded) {
  return succeeded ? transaction.then : transaction.otherwise;
}

// Which branches run, the nested ones of the chosen branch in their order, and the leases of their
// puts: all compares see the state before.
struct Path {
  std::vector<bool> branches;
  std::vector<etcd::LeaseId> leases;
};
void DrawPath(const Transaction& transaction, const Keys& keys, Path& path) {
  const bool succeeded = std::ranges::all_of(
      transaction.compares, [&](const Compare& compare) { return Holds(compare, keys); });
  path.branches.push_back(succeeded);
  for (const Operation& operation : Branch(transaction, succeeded)) {
    if (const auto* nested = std::get_if<Transaction>(&operation)) DrawPath(*nested, keys, path);
    if (const auto* put = std::get_if<Put>(&operation)) path.leases.push_back(put->lease);
  }
}

bool InRange(std::string_view key, std::string_view begin, std::string_view end) {
  return end.empty() ? key == begin : key >= begin && key < end;
}

// What a branch would put and delete; nothing if a key would be touched twice (checkIntervals).
struct Touched {
  std::vector<std::string_view> puts;
  std::vector<const Delete*> deletes;
  bool Touches(std::string_view key) const {
    return std::ranges::find(puts, key) != puts.end() ||
           std::ranges::any_of(
               deletes, [&](const Delete* range) { return InRange(key, range->key, range->end); });
  }
};
std::optional<Touched> TouchedBy(const std::vector<Operation>& branch) {
  Touched all;
  for (const Operation& operation : branch) {
    if (const auto* range = std::get_if<Delete>(&operation)) all.deletes.push_back(range);
  }
  for (const Operation& operation : branch) {
    const auto* nested = std::get_if<Transaction>(&operation);
    if (nested == nullptr) continue;
    const auto then = TouchedBy(nested->then);
    const auto otherwise = TouchedBy(nested->otherwise);
    if (!then || !otherwise) return std::nullopt;
    // The same key in both branches of one is touched once.
    std::set<std::string_view> puts(then->puts.begin(), then->puts.end());
    puts.insert(otherwise->puts.begin(), otherwise->puts.end());
    for (const std::string_view key : puts) {
      if (all.Touches(key)) return std::nullopt;
      all.puts.push_back(key);
    }
    all.deletes.insert(all.deletes.end(), then->deletes.begin(), then->deletes.end());
    all.deletes.insert(all.deletes.end(), otherwise->deletes.begin(), otherwise->deletes.end());
  }
  for (const Operation& operation : branch) {
    const auto* put = std::get_if<Put>(&operation);
    if (put == nullptr) continue;
    if (all.Touches(put->key)) return std::nullopt;
    all.puts.push_back(put->key);
  }
  return all;
}

bool IsTooLong(const Transaction& transaction) {
  if (std::max({transaction.compares.size(), transaction.then.size(),
                transaction.otherwise.size()}) > kMostOperations) {
    return true;
  }
  const auto too_long = [](const Operation& operation) {
    const auto* nested = std::get_if<Transaction>(&operation);
    return nested != nullptr && IsTooLong(*nested);
  };
  return std::ranges::any_of(transaction.then, too_long) ||
         std::ranges::any_of(transaction.otherwise, too_long);
}

RangeReply Read(const Range& range, const Keys& keys) {
  RangeReply reply;
  const bool one = range.end.empty();
  for (auto at = keys.lower_bound(range.key); at != keys.end(); ++at) {
    if (!InRange(at->first, range.key, range.end)) break;
    if (range.max_create_revision > 0 && at->second.create_revision > range.max_create_revision) {
      continue;
    }
    reply.found.push_back(at->second);
    if (range.keys_only) reply.found.back().value.clear();
    if (one) break;
  }
  if (range.order != Range::Order::kByKey) {
    std::ranges::sort(reply.found, {},
                      [](const KeyValue& at) { return std::tie(at.create_revision, at.key); });
    if (range.order == Range::Order::kNewestFirst) std::ranges::reverse(reply.found);
  }
  const auto limit = static_cast<std::size_t>(range.limit);
  if (range.limit > 0 && reply.found.size() > limit) {
    reply.found.resize(limit);
    reply.more = true;
  }
  return reply;
}

}  // namespace

bool IsReadOnly(const Transaction& transaction) {
  const auto reads = [](const Operation& operation) {
    return std::holds_alternative<Range>(operation);
  };
  return std::ranges::all_of(transaction.then, reads) &&
         std::ranges::all_of(transaction.otherwise, reads);
}

Result<TransactionReply> Keyspace::Apply(const Transaction& transaction) {
  changes_.clear();
  if (IsTooLong(transaction)) {
    return Fail(ErrorCode::kInvalidArgument, "too many operations in one transaction");
  }
  if (!TouchedBy(transaction.then) || !TouchedBy(transaction.otherwise)) {
    return Fail(ErrorCode::kInvalidArgument, "a key would be put twice, or put and deleted");
  }
  Path path;
  DrawPath(transaction, keys_, path);
  if (std::ranges::any_of(path.leases, [&](etcd::LeaseId lease) {
        return lease != etcd::kNoLease && !HasLease(lease);
      })) {
    return Fail(ErrorCode::kNotFound, "requested lease not found");
  }
  TransactionReply reply;
  std::size_t at = 0;
  Run(transaction, path.branches, at, reply);
  Commit();
  reply.revision = revision_;
  return reply;
}

void Keyspace::Run(const Transaction& transaction, const std::vector<bool>& branches,
                   std::size_t& at, TransactionReply& reply) {
  reply.succeeded = branches.at(at++);
  for (const Operation& operation : Branch(transaction, reply.succeeded)) {
    if (const auto* put = std::get_if<etcd::Put>(&operation)) {
      Put(*put);
      reply.replies.emplace_back(etcd::PutReply{});
    } else if (const auto* range = std::get_if<Delete>(&operation)) {
      reply.replies.emplace_back(etcd::DeleteReply{.deleted = Remove(*range)});
    } else if (const auto* read = std::get_if<Range>(&operation)) {
      reply.replies.emplace_back(Read(*read, keys_));
    } else {
      TransactionReply nested;
      Run(std::get<Transaction>(operation), branches, at, nested);
      reply.replies.emplace_back(std::move(nested));
    }
  }
}

void Keyspace::Put(const etcd::Put& put) {
  Change change{.key = put.key};
  const auto [at, is_new] = keys_.try_emplace(put.key);
  if (!is_new) change.before = std::move(at->second);
  const Revision now = revision_ + 1;
  change.after = KeyValue{.key = put.key,
                          .value = put.value,
                          .create_revision = change.before ? change.before->create_revision : now,
                          .mod_revision = now,
                          .lease = put.lease};
  at->second = *change.after;
  changes_.push_back(std::move(change));
}

std::int64_t Keyspace::Remove(const Delete& range) {
  std::int64_t count = 0;
  auto at = keys_.lower_bound(range.key);
  while (at != keys_.end() && InRange(at->first, range.key, range.end)) {
    changes_.push_back({.key = at->first, .before = std::move(at->second), .after = {}});
    at = keys_.erase(at);
    ++count;
  }
  return count;
}

void Keyspace::Commit() {
  if (changes_.empty()) return;
  ++revision_;
  if (!remembers_) return;
  for (const Change& change : changes_) past_[change.key].emplace_back(revision_, change.after);
}

void Keyspace::Revoke(etcd::LeaseId lease) {
  changes_.clear();
  leases_.erase(lease);
  std::erase_if(keys_, [&](const auto& entry) {
    if (entry.second.lease != lease) return false;
    changes_.push_back({.key = entry.first, .before = entry.second, .after = {}});
    return true;
  });
  Commit();
}

TransactionReply Keyspace::ReadAt(const Transaction& transaction, Revision revision) const {
  Keys keys;
  for (const auto& [key, past] : past_) {
    const auto later = std::ranges::upper_bound(past, revision, {},
                                                [](const auto& version) { return version.first; });
    if (later != past.begin() && std::prev(later)->second) keys[key] = *std::prev(later)->second;
  }
  Keyspace then(false);
  then.keys_ = std::move(keys);
  then.revision_ = revision;
  return then.Apply(transaction).value();
}

}  // namespace monopod::sim::queue
