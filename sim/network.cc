#include "sim/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace monopod::sim {

using protocol::Written;
using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace {

// KubeStore honours no more of Retry-After.
constexpr seconds kLongestRetryAfter(3);

}  // namespace

Network::Network(Environment& environment)
    : environment_(environment),
      line_(environment, {.nodes = environment.schedule.candidates.size(),
                          .latency = environment.schedule.latency,
                          .late_by = 3 * LongestTimes(environment.schedule.candidates).ttl,
                          .lost_request = environment.schedule.faults.lost_request,
                          .lost_reply = environment.schedule.faults.lost_reply,
                          .late_write = environment.schedule.faults.late_write}),
      hints_({environment, line_, environment.store, environment.schedule}),
      not_before_(environment.schedule.candidates.size()) {}

// Whoever has less time than the server wants asks all the same, half-way (src/kube/kube_store.cc).
CallId Network::Send(Call call) {
  const CallId id = calls_.size();
  const TrueTime now = environment_.queue.now();
  TrueTime departure = not_before_[call.node];
  if (departure >= call.deadline) departure = now + (call.deadline - now) / 2;
  call.boot = boot_;
  calls_.push_back(std::move(call));
  if (departure > now)
    environment_.queue.At(departure, [this, id] { Dispatch(id); });
  else
    Dispatch(id);
  return id;
}

void Network::Dispatch(CallId id) {
  Call& sent = calls_[id];
  const TrueTime now = environment_.queue.now();
  if (sent.deadline <= now) {
    sent.lost = true;
    sent.failure = {ErrorCode::kDeadlineExceeded, "no time was left"};
    environment_.queue.At(now + std::chrono::milliseconds(1), [this, id] { Answer(id); });
    return;
  }
  const auto fate =
      line_.DrawFate({.node = sent.node, .writes = sent.writes(), .deadline = sent.deadline});
  if (!fate.answered) {
    sent.lost = true;
    sent.failure = {environment_.random.OneOf({ErrorCode::kIndeterminate, ErrorCode::kUnavailable,
                                               ErrorCode::kDeadlineExceeded}),
                    "no answer"};
  }
  if (fate.arrives) environment_.queue.At(fate.arrival, [this, id] { Arrive(id); });
  environment_.queue.At(fate.answer, [this, id] { Answer(id); });
}

void Network::Arrive(CallId id) {
  Call& call = calls_[id];
  if (call.boot != boot_ || IsRefused(call)) return;
  switch (call.kind) {
    case Call::Kind::kRead:
      call.snapshot = environment_.store.Read(call.slot, environment_.queue.now());
      return;
    case Call::Kind::kWrite: ArriveWrite(call); return;
    case Call::Kind::kRemove: ArriveRemoval(call); return;
  }
}

// The store did nothing, and says so.
bool Network::IsRefused(Call& call) {
  const Faults& faults = environment_.schedule.faults;
  Error refusal;
  if (environment_.Happens(faults.denied)) {
    refusal = {ErrorCode::kDenied, "denied"};
  } else if (environment_.Happens(faults.busy)) {
    refusal = {ErrorCode::kUnavailable, "busy"};
    if (IsKube(environment_.schedule.store)) {
      call.retry_after =
          environment_.random.OneOf({seconds(0), seconds(1), seconds(2), seconds(5)});
    }
  } else {
    return false;
  }
  call.snapshot = Fail(refusal);
  call.written = Fail(refusal);
  return true;
}

void Network::ArriveWrite(Call& call) {
  const TrueTime now = environment_.queue.now();
  if (environment_.faults_on && full_until_ > now) {
    call.written = Fail(ErrorCode::kIndeterminate, "the disk is full");
    return;
  }
  call.written = Commit({.slot = call.slot,
                         .before_version = call.expected,
                         .before = {},
                         .after = call.record,
                         .author = Author::kClaim,
                         .claim = call.claim,
                         .sent = call.sent});
  if (call.written && ambush_ && call.record.phase == protocol::Phase::kHeld) {
    std::exchange(ambush_, nullptr)(call);
  }
  const char* how = call.written ? "lands" : "conflicts";
  const bool landed = call.written.has_value();
  if (landed && environment_.Happens(environment_.schedule.faults.duplicate)) {
    call.written = Fail(ErrorCode::kConflict, "changed, by the same write");
  }
  environment_.trace.Add(now, "store", landed ? 1 : 2, [&] {
    return fmt::format(
        "{}'s write of slot {} {}: phase {}, instance {}, token {}, stamp {}, "
        "owed {} ms, credit {} ms",
        InstanceOf(call.claim), call.slot, how, static_cast<int>(call.record.phase),
        call.record.holder.instance, call.record.token, call.record.stamp,
        call.record.owed_kill.count(), call.record.credit.count());
  });
}

// No claim of the production machine removes anything.
void Network::ArriveRemoval(Call& call) {
  if (environment_.store.VersionOf(call.slot) != call.expected) {
    call.written = Fail(ErrorCode::kConflict, "changed");
    return;
  }
  Remove(call.slot);
  call.written = Written{.version = call.expected, .next_token = 1};
}

void Network::Answer(CallId id) {
  Call& call = calls_[id];
  if (call.lost || call.boot != boot_) {
    call.snapshot = Fail(call.failure);
    call.written = Fail(call.failure);
  }
  if (call.retry_after > nanoseconds(0)) {
    const nanoseconds pause = std::min<nanoseconds>(call.retry_after, kLongestRetryAfter) +
                              environment_.random.In({.to = std::chrono::milliseconds(500)});
    TrueTime& not_before = not_before_[call.node];
    not_before = std::max(not_before, environment_.queue.now() + pause);
  }
  call.caller->OnReply(id);
}

Result<Written> Network::Commit(Landed write) {
  const TrueTime now = environment_.queue.now();
  SimStore& store = environment_.store;
  const bool existed = store.Exists(write.slot);
  write.before = store.Shown(write.slot);
  auto written = store.Write(write.slot, write.before_version, write.after, now);
  if (written) {
    if (!existed) write.before_version.clear();
    write.after = store.Shown(write.slot);
    environment_.checker.OnLanded(write, now);
    hints_.OnChange(write.slot);
  } else if (written.error().code == ErrorCode::kInternal) {
    environment_.checker.Fail("layout: " + written.error().message);
  }
  return written;
}

Result<Written> Network::Edit(std::size_t slot, const protocol::Version& expected,
                              const SimStore::Change& change) {
  Landed write{.slot = slot,
               .before_version = expected,
               .before = environment_.store.Shown(slot),
               .author = Author::kForeign};
  auto written = environment_.store.Edit(slot, expected, change);
  if (written) {
    write.after = environment_.store.Shown(slot);
    environment_.checker.OnLanded(write, environment_.queue.now());
    hints_.OnChange(slot);
  } else if (written.error().code == ErrorCode::kInternal) {
    environment_.checker.Fail("layout: " + written.error().message);
  }
  return written;
}

void Network::Remove(std::size_t slot) {
  environment_.store.Remove(slot);
  environment_.checker.OnRemoved(slot);
  hints_.OnChange(slot);
}

void Network::LosePower() {
  ++boot_;
  environment_.store.Reboot();
  environment_.checker.OnPowerLoss();
}

}  // namespace monopod::sim
