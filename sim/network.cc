#include "sim/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace monopod::sim {

using protocol::Seen;
using protocol::Written;

Network::Network(Environment& environment)
    : environment_(environment),
      line_(environment, {.nodes = environment.schedule.candidates.size(),
                          .latency = environment.schedule.latency,
                          .late_by = 3 * LongestTimes(environment.schedule.candidates).ttl,
                          .lost_request = environment.schedule.faults.lost_request,
                          .lost_reply = environment.schedule.faults.lost_reply,
                          .late_write = environment.schedule.faults.late_write}),
      watches_(environment.schedule.candidates.size()) {}

CallId Network::Send(Call call) {
  const CallId id = calls_.size();
  calls_.push_back(std::move(call));
  Call& sent = calls_.back();
  const TrueTime now = environment_.queue.now();
  if (sent.deadline <= now) {
    sent.lost = true;
    sent.failure = {ErrorCode::kDeadlineExceeded, "no time was left"};
    environment_.queue.At(now + std::chrono::milliseconds(1), [this, id] { Answer(id); });
    return id;
  }
  const auto fate =
      line_.DrawFate({.node = sent.node, .writes = sent.writes, .deadline = sent.deadline});
  if (!fate.answered) {
    sent.lost = true;
    sent.failure = {environment_.random.OneOf({ErrorCode::kIndeterminate, ErrorCode::kUnavailable,
                                               ErrorCode::kDeadlineExceeded}),
                    "no answer"};
  }
  if (fate.arrives) environment_.queue.At(fate.arrival, [this, id] { Arrive(id); });
  environment_.queue.At(fate.answer, [this, id] { Answer(id); });
  return id;
}

void Network::Arrive(CallId id) {
  Call& call = calls_[id];
  const TrueTime now = environment_.queue.now();
  if (environment_.Happens(environment_.schedule.faults.denied)) {
    call.snapshot = Fail(ErrorCode::kDenied, "denied");
    call.written = Fail(ErrorCode::kDenied, "denied");
  } else if (call.writes) {
    ArriveWrite(call);
  } else {
    call.snapshot = environment_.store.Read(call.slot, now);
  }
}

void Network::ArriveWrite(Call& call) {
  const TrueTime now = environment_.queue.now();
  if (environment_.faults_on && full_until_ > now) {
    call.written = Fail(ErrorCode::kIndeterminate, "the disk is full");
    return;
  }
  call.written = Commit({.slot = call.slot,
                         .before_version = call.expected,
                         .after = call.record,
                         .author = Author::kClaim,
                         .claim = call.claim,
                         .sent = call.sent});
  if (call.written && ambush_ && call.record.phase == protocol::Phase::kHeld) {
    std::exchange(ambush_, nullptr)(call);
  }
  const char* how = call.written ? "lands" : "conflicts";
  environment_.trace.Add(now, "store", call.written ? 1 : 2, [&] {
    return fmt::format(
        "{}'s write of slot {} {}: phase {}, instance {}, token {}, stamp {}, "
        "owed {} ms, credit {} ms",
        InstanceOf(call.claim), call.slot, how, static_cast<int>(call.record.phase),
        call.record.holder.instance, call.record.token, call.record.stamp,
        call.record.owed_kill.count(), call.record.credit.count());
  });
}

void Network::Answer(CallId id) {
  Call& call = calls_[id];
  if (call.lost) {
    call.snapshot = Fail(call.failure);
    call.written = Fail(call.failure);
  }
  call.receiver->OnReply(id);
}

Result<Written> Network::Commit(Landed write) {
  const TrueTime now = environment_.queue.now();
  write.before = environment_.store.Shown(write.slot);
  auto written = environment_.store.Write(write.slot, write.before_version, write.after, now);
  if (written) {
    environment_.checker.OnLanded(write, now);
    Hint(write.slot);
  }
  return written;
}

void Network::Remove(std::size_t slot) {
  environment_.store.Remove(slot);
  environment_.checker.OnRemoved(slot);
  Hint(slot);
}

void Network::SetWatch(std::size_t node, Watch watch) {
  watches_[node] = std::move(watch);
  const Watch& set = watches_[node];
  for (const Seen& seen : set.seen) {
    const std::size_t slot = SlotOf(seen.name);
    if (environment_.store.VersionOf(slot) != seen.version) Hint(slot);
  }
}

void Network::Hint(std::size_t slot) {
  for (Watch& watch : watches_) {
    if (watch.receiver == nullptr) continue;
    const bool concerns = std::ranges::any_of(
        watch.seen, [&](const Seen& seen) { return SlotOf(seen.name) == slot; });
    if (!concerns || environment_.Happens(environment_.schedule.faults.lost_hint)) continue;
    environment_.queue.At(
        environment_.queue.now() + line_.Latency(),
        [receiver = watch.receiver, ticket = watch.ticket] { receiver->OnHint(ticket); });
    watch.receiver = nullptr;
  }
}

}  // namespace monopod::sim
