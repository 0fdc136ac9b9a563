// The calls of processes to the cluster, and what becomes of them on the way.
#pragma once

#include <deque>
#include <utility>
#include <variant>
#include <vector>

#include "sim/queue/cluster.h"

namespace monopod::sim::queue {

struct GrantRequest {
  etcd::LeaseId lease = etcd::kNoLease;
  std::chrono::seconds ttl{0};
};
struct KeepAliveRequest {
  etcd::LeaseId lease = etcd::kNoLease;
};
struct RevokeRequest {
  etcd::LeaseId lease = etcd::kNoLease;
};
struct TimeToLiveRequest {
  etcd::LeaseId lease = etcd::kNoLease;
};
using Request = std::variant<GrantRequest, KeepAliveRequest, RevokeRequest, TimeToLiveRequest,
                             etcd::Transaction>;
// In the same order.
using Reply = std::variant<Result<std::chrono::seconds>, Result<void>, Result<etcd::TimeToLive>,
                           Result<etcd::TransactionReply>>;

using CallId = std::size_t;

class Receiver {
 public:
  virtual void OnReply(CallId call) = 0;

 protected:
  ~Receiver() = default;
};

struct Call {
  Receiver* receiver = nullptr;  // null: nobody waits for the answer
  std::size_t node = 0;
  ClaimId claim = 0;
  Request request;
  TrueTime deadline{};
  protocol::Moment sent{};         // by the caller's clocks
  std::optional<Error> lost = {};  // told instead of the answer
  Reply reply = {};
};

class Network {
 public:
  struct Parts {
    World& world;
    Line& line;
    Cluster& cluster;
    Checker& checker;
    const Schedule& schedule;
  };
  explicit Network(const Parts& parts)
      : parts_(parts), expired_until_(parts.schedule.candidates.size()) {}

  CallId Send(Call call);
  const Call& at(CallId call) const { return calls_[call]; }
  // Once it is there.
  Reply TakeReply(CallId call) { return std::move(calls_[call].reply); }
  // The servers do not know the token of this node any more.
  void Expire(std::size_t node, TrueTime until) { expired_until_[node] = until; }

 private:
  void Arrive(CallId id);
  Reply Carry(const Call& call);
  void Answer(CallId id);
  void TellFull(const Call& call);

  const Parts parts_;
  std::deque<Call> calls_;
  std::vector<TrueTime> expired_until_;
};

}  // namespace monopod::sim::queue
