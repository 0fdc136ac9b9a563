// The keys of a simulated etcd: one revision for all, transactions, and the keys' leases. What etcd
// v3.4 does at the moment at which it applies a request, without delay or failure
// (etcdserver/apply.go, mvcc/kvstore_txn.go, etcdserver/api/v3rpc/key.go).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "src/etcd/api.h"

namespace monopod::sim::queue {

// Of one key, at one revision.
struct Change {
  std::string key;
  std::optional<etcd::KeyValue> before;
  std::optional<etcd::KeyValue> after;  // nothing: it was deleted
};

class Keyspace {
 public:
  using Keys = std::map<std::string, etcd::KeyValue, std::less<>>;

  // `remembers`: what was, for ReadAt.
  explicit Keyspace(bool remembers = true) : remembers_(remembers) {}

  // kNotFound: the lease of a put does not exist. kInvalidArgument: the server refuses such a
  // transaction (a key twice, too many operations). Nothing has changed then.
  Result<etcd::TransactionReply> Apply(const etcd::Transaction& transaction);
  // A transaction without changes, as it would have been answered at that revision.
  etcd::TransactionReply ReadAt(const etcd::Transaction& transaction,
                                etcd::Revision revision) const;

  void Grant(etcd::LeaseId lease) { leases_.insert(lease); }
  bool HasLease(etcd::LeaseId lease) const { return leases_.contains(lease); }
  // Its keys go with it, at one revision.
  void Revoke(etcd::LeaseId lease);

  etcd::Revision revision() const { return revision_; }
  const Keys& keys() const { return keys_; }
  // What the last Apply or Revoke changed, in its order.
  const std::vector<Change>& changes() const { return changes_; }

 private:
  void Run(const etcd::Transaction& transaction, const std::vector<bool>& branches, std::size_t& at,
           etcd::TransactionReply& reply);
  void Put(const etcd::Put& put);
  std::int64_t Remove(const etcd::Delete& range);
  void Commit();

  bool remembers_;
  etcd::Revision revision_ = 1;
  Keys keys_;
  std::set<etcd::LeaseId> leases_;
  std::vector<Change> changes_;
  // Each key's past: from which revision on it was what.
  std::map<std::string, std::vector<std::pair<etcd::Revision, std::optional<etcd::KeyValue>>>>
      past_;
};

// Whether it goes through the quorum's log, as etcd decides it.
bool IsReadOnly(const etcd::Transaction& transaction);

}  // namespace monopod::sim::queue
