// Stories of the queue in etcd that random schedules seldom tell: a few machines on one keyspace,
// whose calls are carried out at once.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sim/queue/keyspace.h"
#include "sim/queue/lock_text.h"
#include "src/etcd/queue_machine.h"

namespace monopod::sim::queue {
namespace {

using etcd::LockKeys;
using etcd::MarkerState;
using etcd::MarkerValue;
using etcd::Put;
using etcd::Transaction;
using etcd::WatchReport;
using protocol::Moment;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

class Claimer;

// What all claimers share.
struct Stage {
  LockKeys keys{kPrefix, kLockName};
  Keyspace keyspace;
  BootTime now{std::chrono::hours(1)};
  etcd::LeaseId last_lease = 0;
  std::vector<Claimer*> claimers;

  Result<etcd::TransactionReply> Apply(const Transaction& transaction);
  void TellOfChanges();
  void Wipe() {
    (void)Apply({.compares = {}, .then = {etcd::Delete{kPrefix, etcd::EndOfPrefix(kPrefix)}}});
  }
  void RunFor(nanoseconds time);
  Moment Now() const { return {.boot = now, .wall = {}}; }
  std::vector<MarkerValue> Markers() const;
};

class Claimer {
 public:
  Claimer(Stage& stage, std::string nonce, seconds ttl)
      : stage_(stage), machine_(MakeClaim(nonce, ttl), stage.keys, [this] {
          return "stamp" + std::to_string(++stamps_);
        }) {
    stage.claimers.push_back(this);
  }

  // The fate of the next claim transaction: its answer is lost.
  enum class Fate : std::uint8_t { kAnswered, kLands, kStaysUnderWay };
  Fate next_claim = Fate::kAnswered;
  std::optional<Transaction> under_way;
  int writes = 0;
  int reads = 0;
  std::function<void()> before_revoke = [] {};
  std::function<void()> before_read = [] {};
  // Its watches tell nothing until TellLate.
  bool deaf = false;
  void TellLate() {
    deaf = false;
    for (const auto& [watched, report] : std::exchange(late_, {})) {
      machine_.OnReport(watched, report, stage_.Now());
    }
  }

  // Until it waits for something; returns until when.
  BootTime Run() {
    until_.reset();
    for (int steps = 0; !until_; ++steps) {
      if (steps == 1000) throw std::runtime_error("the machine spins");
      std::visit([this](const auto& call) { Carry(call); }, machine_.Next(stage_.Now()));
    }
    return *until_;
  }
  void Stop(nanoseconds within = seconds(10)) { machine_.Stop(stage_.now + within); }
  void Hear(const std::vector<Change>& changes, etcd::Revision revision);

  bool holds() const { return holds_; }
  std::optional<protocol::Outcome> outcome() const { return outcome_; }
  std::vector<etcd::QueueMachine::LeaseUse> leases() const { return machine_.leases(); }

 private:
  static protocol::Claim MakeClaim(const std::string& nonce, seconds ttl) {
    return {.lock = kLockName,
            .holder = {.name = "pod", .instance = nonce},
            .times = *protocol::MakeTimes({.ttl = ttl})};
  }
  void Carry(const etcd::GrantAction& /*call*/) {
    stage_.keyspace.Grant(++stage_.last_lease);
    const Moment now = stage_.Now();
    machine_.OnGrant(etcd::Granted{.id = stage_.last_lease, .kept = now.boot}, now, now);
  }
  void Carry(const etcd::KeepAliveAction& /*call*/) {
    machine_.OnKeepAlive(seconds(1), stage_.Now(), stage_.Now());
  }
  void Carry(const etcd::RevokeAction& call) {
    before_revoke();
    stage_.keyspace.Revoke(call.lease);
    stage_.TellOfChanges();
    machine_.OnRevoke({}, stage_.Now());
  }
  void Carry(const etcd::AskLeaseAction& /*call*/) {
    machine_.OnLease(etcd::TimeToLive{}, stage_.Now());
  }
  void Carry(const etcd::TransactAction& call) { Transact(call.transaction); }
  void Carry(const etcd::WatchAction& call);
  void Carry(const etcd::AwaitAction& call) { until_ = call.until; }
  void Carry(const protocol::IdleAction& call) { until_ = call.until; }
  void Carry(const protocol::TellAction& call) {
    const EventKind kind = call.event.kind;
    if (kind == EventKind::kAcquired || kind == EventKind::kTakenOver) holds_ = true;
    if (kind == EventKind::kLost || kind == EventKind::kReleased) holds_ = false;
  }
  void Carry(const protocol::DoneAction& call) {
    outcome_ = call.outcome;
    until_ = BootTime::max();
  }
  void Transact(const Transaction& transaction);
  bool IsClaim(const Transaction& transaction) const {
    const auto* put = transaction.then.empty() ? nullptr : std::get_if<Put>(&transaction.then[0]);
    return put != nullptr && transaction.then.size() > 2 && stage_.keys.IdOfMember(put->key);
  }

  Stage& stage_;
  etcd::QueueMachine machine_;
  int stamps_ = 0;
  std::optional<BootTime> until_;
  std::map<std::string, std::string> watched_;  // [first, second)
  std::deque<std::pair<std::string, WatchReport>> late_;
  bool holds_ = false;
  std::optional<protocol::Outcome> outcome_;
};

void Claimer::Carry(const etcd::WatchAction& call) {
  const auto before = std::exchange(watched_, {});
  for (const auto& bounds : call.watched) {
    watched_[bounds.begin] = bounds.end.empty() ? bounds.begin + '\0' : bounds.end;
    if (before.contains(bounds.begin)) continue;
    machine_.OnReport(bounds.begin, {.kind = WatchReport::Kind::kStarted}, stage_.Now());
  }
}

void Claimer::Transact(const Transaction& transaction) {
  const Moment now = stage_.Now();
  const Fate fate =
      IsClaim(transaction) ? std::exchange(next_claim, Fate::kAnswered) : Fate::kAnswered;
  if (IsReadOnly(transaction)) before_read();
  ++(IsReadOnly(transaction) ? reads : writes);
  if (fate == Fate::kStaysUnderWay) under_way = transaction;
  Result<etcd::TransactionReply> reply = Fail(ErrorCode::kIndeterminate, "no answer");
  if (fate != Fate::kStaysUnderWay) reply = stage_.Apply(transaction);
  if (fate == Fate::kLands) reply = Fail(ErrorCode::kIndeterminate, "no answer");
  machine_.OnTransaction(reply, now, now);
}

void Claimer::Hear(const std::vector<Change>& changes, etcd::Revision revision) {
  for (const auto& [begin, end] : watched_) {
    WatchReport report{.kind = WatchReport::Kind::kEvents};
    for (const Change& change : changes) {
      if (change.key < begin || change.key >= end) continue;
      report.events.push_back({.deleted = !change.after,
                               .now = change.after.value_or(
                                   etcd::KeyValue{.key = change.key, .mod_revision = revision}),
                               .previous = change.before});
    }
    if (report.events.empty()) continue;
    if (deaf)
      late_.emplace_back(begin, report);
    else
      machine_.OnReport(begin, report, stage_.Now());
  }
}

Result<etcd::TransactionReply> Stage::Apply(const Transaction& transaction) {
  auto reply = keyspace.Apply(transaction);
  if (reply) TellOfChanges();
  return reply;
}

void Stage::TellOfChanges() {
  for (Claimer* claimer : claimers) claimer->Hear(keyspace.changes(), keyspace.revision());
}

void Stage::RunFor(nanoseconds time) {
  const BootTime end = now + time;
  while (true) {
    BootTime next = end;
    for (Claimer* claimer : claimers) next = std::min(next, claimer->Run());
    if (now == end) return;
    now = std::max(next, now);
  }
}

std::vector<MarkerValue> Stage::Markers() const {
  std::vector<MarkerValue> markers;
  for (const auto& [key, at] : keyspace.keys()) {
    if (keys.IdOfMarker(key)) markers.push_back(etcd::DecodeMarker(at).value_or(MarkerValue{}));
  }
  return markers;
}

// Long enough that whoever waits has looked at who is ahead.
constexpr seconds kAWhile(2);

TEST(QueueScenarioTest, AHandOverIsTheReleaseAlone) {
  Stage stage;
  Claimer holder(stage, "aa", seconds(15));
  Claimer waiter(stage, "bb", seconds(15));
  (void)holder.Run();
  stage.RunFor(kAWhile);
  ASSERT_FALSE(waiter.holds());
  holder.writes = waiter.writes = waiter.reads = 0;
  holder.Stop();
  (void)holder.Run();
  (void)waiter.Run();
  EXPECT_TRUE(waiter.holds());
  EXPECT_EQ(holder.writes, 1);
  EXPECT_EQ(waiter.writes, 0);
  EXPECT_EQ(waiter.reads, 0);
}

TEST(QueueScenarioTest, WhoHadToWaitAfterAWipeAndGivesUpLeavesItsWarning) {
  Stage stage;
  Claimer holder(stage, "aa", seconds(60));
  Claimer waiter(stage, "bb", seconds(15));
  (void)holder.Run();
  stage.RunFor(kAWhile);
  ASSERT_TRUE(holder.holds());
  stage.Wipe();
  waiter.next_claim = Claimer::Fate::kLands;
  stage.claimers = {&waiter};
  stage.RunFor(kAWhile);
  waiter.Stop();
  (void)waiter.Run();
  EXPECT_EQ(waiter.outcome(), protocol::Outcome::kNotAcquired);
  const auto markers = stage.Markers();
  ASSERT_EQ(markers.size(), 1U);
  EXPECT_EQ(markers[0].state, MarkerState::kLive);
  EXPECT_EQ(markers[0].owed, protocol::MakeTimes({.ttl = seconds(60)})->kill);
}

TEST(QueueScenarioTest, AClaimThatLandsAfterItsEndIsMarkedAsLeft) {
  Stage stage;
  Claimer claimer(stage, "aa", seconds(15));
  claimer.next_claim = Claimer::Fate::kStaysUnderWay;
  stage.RunFor(kAWhile);
  ASSERT_TRUE(claimer.holds());
  claimer.before_revoke = [&] { (void)stage.Apply(*claimer.under_way); };
  claimer.Stop();
  (void)claimer.Run();
  EXPECT_EQ(claimer.outcome(), protocol::Outcome::kReleased);
  const auto markers = stage.Markers();
  ASSERT_EQ(markers.size(), 1U);
  EXPECT_EQ(markers[0].state, MarkerState::kLeft);
}

TEST(QueueScenarioTest, ALeaseIsLeftToTheNextClaimIfNothingMayLandWithIt) {
  Stage stage;
  Claimer released(stage, "aa", seconds(15));
  (void)released.Run();
  ASSERT_TRUE(released.holds());
  released.Stop();
  (void)released.Run();
  ASSERT_EQ(released.leases().size(), 1U);
  EXPECT_TRUE(released.leases()[0].reusable);

  Claimer cut_short(stage, "bb", seconds(15));
  cut_short.next_claim = Claimer::Fate::kStaysUnderWay;
  (void)cut_short.Run();
  cut_short.Stop(nanoseconds(0));
  (void)cut_short.Run();
  EXPECT_EQ(cut_short.outcome(), protocol::Outcome::kUnknown);
  ASSERT_EQ(cut_short.leases().size(), 1U);
  EXPECT_FALSE(cut_short.leases()[0].reusable);
}

// More markers than a transaction has room for.
TEST(QueueScenarioTest, WhoComesAfterACrowdThatLeftAtOnceGivesUpAsWell) {
  Stage stage;
  Claimer holder(stage, "aa", seconds(15));
  (void)holder.Run();
  std::deque<Claimer> crowd;
  for (int number = 0; number < 150; ++number) {
    (void)crowd.emplace_back(stage, fmt::format("{:04x}", number), seconds(15)).Run();
  }
  stage.RunFor(kAWhile);
  for (Claimer& one : crowd) one.Stop();
  for (Claimer& one : crowd) (void)one.Run();
  EXPECT_GT(stage.Markers().size(), 128U);
  Claimer last(stage, "bb", seconds(15));
  stage.RunFor(kAWhile);
  last.Stop();
  (void)last.Run();
  EXPECT_EQ(last.outcome(), protocol::Outcome::kNotAcquired);
}

TEST(QueueScenarioTest, ASecondWipeIsNoticedByWhoStillWaitsForTheFirst) {
  Stage stage;
  Claimer holder(stage, "aa", seconds(4));
  Claimer waiter(stage, "bb", seconds(15));
  (void)holder.Run();
  stage.RunFor(kAWhile);
  ASSERT_TRUE(holder.holds());

  Claimer second(stage, "cc", seconds(60));
  stage.Wipe();
  stage.claimers = {&second, &waiter};
  (void)second.Run();
  ASSERT_TRUE(second.holds()) << "it finds nothing";
  stage.RunFor(kAWhile);
  ASSERT_FALSE(waiter.holds());

  stage.Wipe();
  stage.claimers = {&waiter};
  stage.RunFor(kAWhile);
  const auto markers = stage.Markers();
  ASSERT_EQ(markers.size(), 1U);
  EXPECT_EQ(markers[0].owed, protocol::MakeTimes({.ttl = seconds(60)})->kill);
  stage.RunFor(seconds(10));
  EXPECT_FALSE(waiter.holds());
}

// Everything was wiped away before a waiter had read who was ahead of it, so it claimed anew and
// meant to wait as long as for work of its own. Then its watch told what had stood there, which it
// ignored, and it began while that work ran.
TEST(QueueScenarioTest, WhatIsHeardOfAfterAWipeIsWaitedForToo) {
  Stage stage;
  Claimer holder(stage, "aa", seconds(60));
  (void)holder.Run();
  ASSERT_TRUE(holder.holds());
  Claimer waiter(stage, "bb", seconds(4));
  bool wiped = false;
  waiter.before_read = [&] {
    if (std::exchange(wiped, true)) return;
    waiter.deaf = true;
    stage.Wipe();
  };
  (void)waiter.Run();
  ASSERT_EQ(stage.Markers().size(), 1U) << "it has claimed anew";
  waiter.TellLate();
  stage.claimers = {&waiter};
  stage.RunFor(seconds(45));
  EXPECT_FALSE(waiter.holds());
  stage.RunFor(seconds(10));
  EXPECT_TRUE(waiter.holds());
}

// Its lease ended before a waiter's first read, which told that and, beside it, who was ahead. It
// took no note of that, began anew, and all was wiped away before it had read again: it waited as
// long as for work of its own, and began while the other's ran. The simulator's seed 2058684.
TEST(QueueScenarioTest, WhoIsAheadIsNotedAlsoIfTheOwnPlaceIsGone) {
  Stage stage;
  Claimer holder(stage, "aa", seconds(60));
  (void)holder.Run();
  ASSERT_TRUE(holder.holds());
  Claimer waiter(stage, "bb", seconds(4));
  waiter.before_read = [&] {
    waiter.deaf = true;
    if (waiter.reads == 0) {
      stage.keyspace.Revoke(waiter.leases().front().id);
    } else if (waiter.reads == 1) {
      stage.Wipe();
    }
  };
  (void)waiter.Run();
  ASSERT_EQ(stage.Markers().size(), 1U) << "it has claimed anew";
  EXPECT_EQ(stage.Markers()[0].owed, protocol::MakeTimes({.ttl = seconds(60)})->kill);
  stage.claimers = {&waiter};
  stage.RunFor(seconds(45));
  EXPECT_FALSE(waiter.holds());
}

TEST(QueueScenarioTest, WhoWaitedAloneHoldsOnlyIfItsKeyStands) {
  Stage stage;
  Claimer holder(stage, "aa", seconds(4));
  Claimer waiter(stage, "bb", seconds(60));
  (void)holder.Run();
  stage.RunFor(kAWhile);
  stage.Wipe();
  stage.claimers = {&waiter};
  (void)waiter.Run();
  stage.RunFor(milliseconds(100));
  ASSERT_EQ(stage.Markers().size(), 1U) << "it claims anew, and waits for who held";
  stage.Wipe();
  stage.RunFor(seconds(20));
  EXPECT_TRUE(waiter.holds());
  EXPECT_EQ(stage.Markers().size(), 1U);
}

}  // namespace
}  // namespace monopod::sim::queue
