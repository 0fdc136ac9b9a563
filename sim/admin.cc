#include "sim/admin.h"

#include <algorithm>
#include <utility>

#include "src/protocol/observation.h"

namespace monopod::sim {

using protocol::Phase;
using protocol::Snapshot;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

Admin::Admin(Environment& environment, Network& network, const NodeClock& clock)
    : environment_(environment), network_(network), clock_(clock) {}

std::string Admin::Nonce() { return "admin-" + std::to_string(++nonces_); }

nanoseconds Admin::Soon() {
  return environment_.random.In({.from = milliseconds(1), .to = milliseconds(200)});
}

void Admin::Act() {
  const Faults& faults = environment_.schedule.faults;
  const auto slots = static_cast<std::uint64_t>(environment_.schedule.slots);
  if (environment_.Happens(faults.breaks)) {
    Break({.slot = environment_.random.Below(slots), .after = Soon()});
  }
  if (environment_.Happens(faults.breaks)) {
    // The holder has just proved its hold, and does not hear of its end.
    network_.Ambush([this](const Call& renewal) {
      network_.line().CutOff(renewal.node, environment_.heal_at);
      Break({.slot = renewal.slot, .after = nanoseconds(1)});
    });
  }
  if (environment_.Happens(faults.deletion) && environment_.store.Exists(0)) {
    network_.Remove(0);
    environment_.trace.Add(environment_.queue.now(), "admin", 1,
                           [] { return std::string("deletes the record"); });
    // A manifest that is applied anew.
    if (IsKube(environment_.schedule.store) && environment_.random.Chance(0.5)) {
      (void)network_.Edit(0, {}, [](kube::Object&) {});
    }
  }
  if (target_ == 0 && environment_.Happens(faults.resize)) {
    Resize(1 + static_cast<int>(environment_.random.Below(3)));
  }
}

bool Admin::Apply(Edit edit) {
  edit.record.edit = Nonce();
  return network_
      .Commit({.slot = edit.slot,
               .before_version = edit.expected,
               .before = {},
               .after = std::move(edit.record),
               .author = edit.author,
               .sent = clock_.At(environment_.queue.now())})
      .has_value();
}

// docs/PROTOCOL.md, "Break".
void Admin::Break(const BreakPlan& plan) {
  const Snapshot seen = environment_.store.Read(plan.slot, environment_.queue.now());
  if (!seen.exists() || seen.record.holder.instance.empty()) return;
  Edit edit{
      .slot = plan.slot, .author = Author::kBreak, .expected = seen.version, .record = seen.record};
  edit.record.owed_kill = protocol::OutstandingKill(seen.record);
  edit.record.phase = Phase::kFree;
  edit.record.holder = {};
  edit.record.stamp = Nonce();
  edit.record.ttl = edit.record.kill = edit.record.credit = milliseconds(0);
  edit.record.note = "broken";
  environment_.queue.At(environment_.queue.now() + plan.after, [this, edit = std::move(edit)] {
    if (!Apply(edit)) return;
    environment_.trace.Add(environment_.queue.now(), "admin", 2,
                           [] { return std::string("breaks a hold"); });
  });
}

// docs/PROTOCOL.md, "Slots": larger at once, smaller in steps.
void Admin::Resize(int slots) {
  const Snapshot first = environment_.store.Read(0, environment_.queue.now());
  if (!first.exists() || first.record.slots == 0 || first.record.slots == slots) return;
  Edit edit{.expected = first.version, .record = first.record};
  if (slots > first.record.slots)
    edit.record.slots = slots;
  else
    edit.record.resize_to = slots;
  if (!Apply(edit)) return;
  environment_.trace.Add(environment_.queue.now(), "admin", static_cast<std::uint64_t>(slots),
                         [&] { return "wants slots: " + std::to_string(slots); });
  if (slots > first.record.slots) return;
  target_ = slots;
  retired_ = {};
  owing_ = {};
  RetireSurplus();
}

void Admin::RetireSurplus() {
  bool all = true;
  const Snapshot first = environment_.store.Read(0, environment_.queue.now());
  for (auto slot = static_cast<std::size_t>(target_);
       slot < static_cast<std::size_t>(first.record.slots); ++slot) {
    retired_.at(slot) = retired_.at(slot) || RetireSlot(slot);
    all = all && retired_.at(slot);
  }
  Edit edit{.expected = first.version, .record = first.record};
  edit.record.slots = target_;
  edit.record.resize_to = 0;
  if (all && Apply(std::move(edit))) {
    target_ = 0;
    environment_.trace.Add(environment_.queue.now(), "admin", 3,
                           [] { return std::string("has made the lock smaller"); });
    return;
  }
  environment_.queue.At(environment_.queue.now() + 5 * Soon(), [this] { RetireSurplus(); });
}

// A record that does not exist is created retired, and one that is retired is written once more:
// a claimant that read the old number may be about to create it, or to use it again.
bool Admin::RetireSlot(std::size_t slot) {
  const Snapshot seen = environment_.store.Read(slot, environment_.queue.now());
  Edit edit{.slot = slot, .expected = seen.version, .record = seen.record};
  if (!seen.exists()) {
    edit.record.origin = Nonce();
  } else if (seen.record.phase != Phase::kFree && seen.record.phase != Phase::kRetired) {
    return false;
  } else if (seen.record.owed_kill > milliseconds(0)) {
    // Work of a broken hold may still run in this slot.
    Owing& owing = owing_.at(slot);
    const BootTime now = clock_.At(environment_.queue.now());
    if (owing.stamp != seen.record.stamp) owing = {.stamp = seen.record.stamp, .since = now};
    if (now < owing.since + protocol::RecoveryTime(seen.record.owed_kill)) return false;
    edit.record.owed_kill = milliseconds(0);
  }
  edit.record.phase = Phase::kRetired;
  edit.record.stamp = Nonce();
  return Apply(edit);
}

}  // namespace monopod::sim
