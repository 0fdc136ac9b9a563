// Mistakes in what is made of what was read and heard. Each gives the production machine a wrong
// reading.
#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "sim/queue/machine_under_test.h"
#include "src/etcd/lock_values.h"

namespace monopod::sim::queue {
namespace {

using etcd::KeyValue;
using etcd::MarkerState;
using etcd::MarkerValue;
using etcd::RangeReply;
using etcd::Revision;
using etcd::TransactionReply;
using etcd::WatchEvent;
using etcd::WatchReport;
using protocol::Claim;
using protocol::Moment;

// Changes what the machine reads and hears.
class Misreads : public MachineUnderTest {
 public:
  using MachineUnderTest::MachineUnderTest;
  void OnTransaction(const Result<TransactionReply>& reply, Moment sent, Moment received) override {
    Result<TransactionReply> misread = reply;
    if (misread) MisreadReply(*misread);
    machine().OnTransaction(misread, sent, received);
  }
  void OnReport(const std::string& watched, const WatchReport& report, Moment received) override {
    WatchReport misheard = report;
    for (WatchEvent& event : misheard.events) Mishear(event);
    machine().OnReport(watched, misheard, received);
  }

 protected:
  virtual void MisreadReply(TransactionReply& reply) {
    for (auto& one : reply.replies) {
      if (auto* range = std::get_if<RangeReply>(&one)) MisreadRange(*range);
      if (auto* nested = std::get_if<TransactionReply>(&one)) MisreadReply(*nested);
    }
  }
  virtual void MisreadRange(RangeReply& range) {
    for (KeyValue& at : range.found) Misread(at);
  }
  virtual void Mishear(WatchEvent& event) {
    if (!event.deleted) Misread(event.now);
    if (event.previous) Misread(*event.previous);
  }
  virtual void Misread(KeyValue& /*at*/) {}
};

// Changes what it reads in markers.
class MisreadsMarkers : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(KeyValue& at) override {
    if (!keys().IdOfMarker(at.key)) return;
    auto marker = etcd::DecodeMarker(at);
    if (!marker) return;
    MisreadMarker(*marker);
    at.value = etcd::Encode(*marker);
  }
  virtual void MisreadMarker(MarkerValue& marker) = 0;
};

class WaitsForNobodysWork : public MisreadsMarkers {
 public:
  using MisreadsMarkers::MisreadsMarkers;

 protected:
  void MisreadMarker(MarkerValue& marker) override { marker.kill = marker.owed = {}; }
};

class ForgetsTheDeathAllowance : public MisreadsMarkers {
 public:
  using MisreadsMarkers::MisreadsMarkers;

 protected:
  void MisreadMarker(MarkerValue& marker) override { marker.kill -= protocol::kDeathAllowance; }
};

class CountsCreditTwice : public MisreadsMarkers {
 public:
  using MisreadsMarkers::MisreadsMarkers;

 protected:
  void MisreadMarker(MarkerValue& marker) override { marker.credit *= 2; }
};

class TakesLeavingForAnEnd : public MisreadsMarkers {
 public:
  using MisreadsMarkers::MisreadsMarkers;

 protected:
  void MisreadMarker(MarkerValue& marker) override {
    if (marker.state == MarkerState::kLeft) marker.state = MarkerState::kOver;
  }
};

class CountsOneSlotMore : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(KeyValue& at) override {
    if (at.key != keys().Slots()) return;
    auto slots = etcd::DecodeSlots(at);
    if (!slots || slots->slots == 1) return;
    ++slots->slots;
    at.value = etcd::Encode(*slots);
  }
};

class TakesDeletionForACleanEnd : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Mishear(WatchEvent& event) override {
    if (!event.deleted || !event.previous || !keys().IdOfMarker(event.now.key)) return;
    auto marker = etcd::DecodeMarker(*event.previous);
    if (!marker) return;
    marker->state = MarkerState::kOver;
    const Revision revision = event.now.mod_revision;
    event.now = *event.previous;
    event.now.mod_revision = revision;
    event.now.value = etcd::Encode(*marker);
    event.deleted = false;
  }
};

// Claims whose members are gone do not count.
class IgnoresOrphans : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void MisreadReply(TransactionReply& reply) override {
    // The last two of a scan.
    if (reply.replies.size() != 4) return;
    auto* markers = std::get_if<RangeReply>(&reply.replies[2]);
    const auto* members = std::get_if<RangeReply>(&reply.replies[3]);
    if (markers == nullptr || members == nullptr) return;
    std::erase_if(markers->found, [&](const KeyValue& marker) {
      const auto id = keys().IdOfMarker(marker.key);
      return id && std::ranges::find(members->found, keys().Member(*id), &KeyValue::key) ==
                       members->found.end();
    });
  }
};

class IgnoresForeignKeys : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void MisreadRange(RangeReply& range) override {
    const auto foreign = keys().Foreign();
    std::erase_if(range.found, [&](const KeyValue& at) {
      return at.key >= foreign.begin && at.key < foreign.end;
    });
  }
};

// The last proof that it saw is the last one that there was.
class CountsFromAnOlderProof : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(KeyValue& at) override {
    if (keys().IdOfMember(at.key)) seen_[at.key] = at.mod_revision;
  }
  void Mishear(WatchEvent& event) override {
    const auto seen = seen_.find(event.now.key);
    if (event.deleted && event.previous && seen != seen_.end()) {
      event.previous->mod_revision = seen->second;
    } else if (!event.deleted) {
      Misread(event.now);
    }
  }

 private:
  std::map<std::string, Revision> seen_;
};

class TakesAnyWaiterForOneThatWillAsk : public Misreads {
 public:
  using Misreads::Misreads;

 protected:
  void Misread(KeyValue& at) override {
    if (!keys().IdOfMember(at.key)) return;
    auto member = etcd::DecodeMember(at);
    if (!member || member->phase != etcd::MemberPhase::kQueued) return;
    member->phase = etcd::MemberPhase::kWaiting;
    at.value = etcd::Encode(*member);
  }
};

template <class Machine>
std::unique_ptr<MachineUnderTest> Make(const Claim& claim, const etcd::LockKeys& keys,
                                       Nonces nonces) {
  return std::make_unique<Machine>(claim, keys, std::move(nonces));
}

constexpr auto kMutants = std::to_array<Mutant>({
    {"no-recovery", "the work of a claim whose member vanished is not waited for",
     Make<WaitsForNobodysWork>},
    {"queue-allowance-forgotten", "the time that the last process takes to die is not waited",
     Make<ForgetsTheDeathAllowance>},
    {"queue-credit-twice", "credit counts twice", Make<CountsCreditTwice>},
    {"left-is-over", "a claim that gave up is taken for one that held", Make<TakesLeavingForAnEnd>},
    {"one-slot-more", "one more than there are slots may hold", Make<CountsOneSlotMore>},
    {"deletion-is-clean", "a marker that is deleted is taken for a clean end",
     Make<TakesDeletionForACleanEnd>, 466},
    {"orphans-ignored", "claims whose members are gone do not count", Make<IgnoresOrphans>},
    {"foreign-ignored", "the keys of others do not count", Make<IgnoresForeignKeys>},
    {"older-proof", "a recovery counts from an older proof than the last",
     Make<CountsFromAnOlderProof>},
    {"queued-is-waiting", "a claim that may have seen its turn come is not waited for",
     Make<TakesAnyWaiterForOneThatWillAsk>, 577},
});

}  // namespace

std::span<const Mutant> ReadingMutants() { return kMutants; }

}  // namespace monopod::sim::queue
