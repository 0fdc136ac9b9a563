#include "sim/queue/network.h"

#include <utility>

namespace monopod::sim::queue {
namespace {

bool Writes(const Request& request) {
  if (std::holds_alternative<TimeToLiveRequest>(request)) return false;
  const auto* transaction = std::get_if<etcd::Transaction>(&request);
  return transaction == nullptr || !IsReadOnly(*transaction);
}

// An answer of the kind that the request has.
Reply FailureOf(const Request& request, const Error& error) {
  if (std::holds_alternative<RevokeRequest>(request)) return Result<void>(Fail(error));
  if (std::holds_alternative<TimeToLiveRequest>(request)) {
    return Result<etcd::TimeToLive>(Fail(error));
  }
  if (std::holds_alternative<etcd::Transaction>(request)) {
    return Result<etcd::TransactionReply>(Fail(error));
  }
  return Result<std::chrono::seconds>(Fail(error));
}

}  // namespace

CallId Network::Send(Call call) {
  const CallId id = calls_.size();
  calls_.push_back(std::move(call));
  Call& sent = calls_.back();
  EventQueue& queue = parts_.world.queue;
  if (sent.deadline <= queue.now()) {
    sent.lost = Error{ErrorCode::kDeadlineExceeded, "no time was left"};
    queue.At(queue.now() + std::chrono::milliseconds(1), [this, id] { Answer(id); });
    return id;
  }
  const auto fate = parts_.line.DrawFate(
      {.node = sent.node, .writes = Writes(sent.request), .deadline = sent.deadline});
  if (!fate.answered) {
    // What is surely not carried out may say so.
    const bool sure = !fate.arrives && parts_.world.random.Chance(0.5);
    sent.lost = Error{sure ? ErrorCode::kUnavailable : ErrorCode::kIndeterminate, "no answer"};
  }
  if (fate.arrives) queue.At(fate.arrival, [this, id] { Arrive(id); });
  queue.At(fate.answer, [this, id] { Answer(id); });
  return id;
}

void Network::Arrive(CallId id) {
  Call& call = calls_[id];
  if (const TrueTime up = parts_.line.UpAt(); up > parts_.world.queue.now()) {
    // It waits for a quorum, or is lost.
    if (!call.lost) call.lost = Error{ErrorCode::kIndeterminate, "no quorum"};
    if (Writes(call.request) && parts_.world.random.Chance(0.3)) {
      parts_.world.queue.At(up, [this, id] { Arrive(id); });
    }
    return;
  }
  const bool expired =
      parts_.world.faults_on && expired_until_[call.node] > parts_.world.queue.now();
  if (expired || parts_.world.Happens(parts_.schedule.faults.denied)) {
    call.reply = FailureOf(call.request, {ErrorCode::kDenied, "denied"});
  } else {
    call.reply = Carry(call);
  }
  // From here on only its kind counts, and what lies about for long makes memory slow.
  if (auto* transaction = std::get_if<etcd::Transaction>(&call.request)) *transaction = {};
  TellFull(call);
}

Reply Network::Carry(const Call& call) {
  Cluster& cluster = parts_.cluster;
  if (const auto* grant = std::get_if<GrantRequest>(&call.request)) {
    return cluster.Grant(grant->lease, grant->ttl);
  }
  if (const auto* keep = std::get_if<KeepAliveRequest>(&call.request)) {
    return cluster.KeepAlive(keep->lease);
  }
  if (const auto* revoke = std::get_if<RevokeRequest>(&call.request)) {
    return cluster.Revoke(revoke->lease);
  }
  if (const auto* ask = std::get_if<TimeToLiveRequest>(&call.request)) {
    return cluster.AskTimeToLive(ask->lease);
  }
  return cluster.Transact(std::get<etcd::Transaction>(call.request),
                          {.claim = call.claim, .sent = call.sent.boot});
}

void Network::TellFull(const Call& call) {
  const auto* reply = std::get_if<Result<etcd::TransactionReply>>(&call.reply);
  if (reply != nullptr && !*reply && reply->error().code == ErrorCode::kOutOfSpace) {
    parts_.checker.OnFull(call.claim);
  }
}

void Network::Answer(CallId id) {
  Call& call = calls_[id];
  if (call.lost) call.reply = FailureOf(call.request, *call.lost);
  if (call.receiver != nullptr) call.receiver->OnReply(id);
}

}  // namespace monopod::sim::queue
