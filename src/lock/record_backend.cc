#include "src/lock/record_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "src/base/lock_name.h"
#include "src/base/nonce.h"
#include "src/lock/record_driver.h"
#include "src/lock/record_update.h"
#include "src/protocol/observation.h"
#include "src/protocol/times.h"

namespace monopod::lock {
namespace {

using protocol::OutstandingKill;
using protocol::Phase;
using protocol::Record;
using protocol::Snapshot;
using std::chrono::milliseconds;

SlotState StateOf(const Snapshot& snapshot) {
  const Record& record = snapshot.record;
  switch (record.phase) {
    case Phase::kFree: return SlotState::kFree;
    case Phase::kRetired: return SlotState::kRetired;
    case Phase::kRecovering:
    case Phase::kHeld: break;
  }
  const bool expired =
      record.kind != HoldKind::kSticky && !record.foreign &&
      (snapshot.known_silence >= record.ttl || record.renewed + record.ttl < WallNow());
  if (expired) return SlotState::kExpired;
  return record.phase == Phase::kHeld ? SlotState::kHeld : SlotState::kRecovering;
}

SlotStatus StatusOf(int slot, const Snapshot& snapshot) {
  const Record& record = snapshot.record;
  SlotStatus status{.slot = slot,
                    .state = StateOf(snapshot),
                    .holder = record.holder,
                    .foreign = record.foreign,
                    .kind = record.kind,
                    .token = record.token,
                    .acquired = record.acquired,
                    .renewed = record.renewed,
                    .ttl = record.ttl,
                    .owed = record.owed_kill,
                    .note = record.note};
  status.holder.instance.clear();
  return status;
}

Record NewRecord() {
  Record record;
  record.origin = RandomNonce();
  record.stamp = RandomNonce();
  return record;
}

// When all work that this slot's record tells of is over; nothing if only its end can tell.
std::optional<BootTime> WorkOverAt(const protocol::Observation& seen) {
  const Record& record = seen.last().record;
  const bool claimed = record.phase == Phase::kHeld || record.phase == Phase::kRecovering;
  if (claimed && (record.kind == HoldKind::kSticky || record.foreign)) return std::nullopt;
  BootTime over = BootTime::min();
  if (claimed) over = seen.silent_since() + protocol::SilenceToTakeOver(record.ttl);
  const milliseconds outstanding = OutstandingKill(record);
  if (outstanding.count() == 0) return over;
  return std::max(over, seen.silent_since() + protocol::RecoveryTime(outstanding));
}

Record Retired(const Snapshot& snapshot) {
  Record record;
  record.phase = Phase::kRetired;
  record.origin = snapshot.exists() ? snapshot.record.origin : RandomNonce();
  record.token = snapshot.record.token;
  record.stamp = record.edit = RandomNonce();
  return record;
}

// Takes a surplus slot out of use once all work in it is over, judged like a takeover; false if it
// is not by `give_up_at`. A record that is retired already is written again, so that a claimant
// that read the old number of slots fails.
Result<bool> RetireSlot(protocol::RecordStore& store, const std::string& name,
                        const Backend::ResizeRequest& patience) {
  const auto deadline = [&] { return BootClock::now() + patience.store_timeout; };
  protocol::Observation seen;
  while (true) {
    const auto read = store.Read(name, deadline());
    if (!read) return Fail(read.error());
    const BootTime now = BootClock::now();
    seen.Saw(*read, now);
    const auto over = WorkOverAt(seen);
    if (over && *over <= now) {
      const auto retired = store.Write(name, read->version, Retired(*read), deadline());
      if (retired) return true;
      if (retired.error().code != ErrorCode::kConflict) return Fail(retired.error());
    }
    if (now >= patience.give_up_at) return false;
    const protocol::Seen version{.name = name, .version = read->version};
    store.AwaitChange({&version, 1},
                      std::min(over.value_or(patience.give_up_at), patience.give_up_at), {});
  }
}

// Writes the number of slots to come: at once if it is larger, else as `resize_to`.
Result<Record> BeginResize(protocol::RecordStore& store, const std::string& lock, int slots,
                           BootTime deadline) {
  const std::string resize_id = RandomNonce();
  return UpdateRecord(
      store, lock,
      [&](const Snapshot& snapshot) -> Result<Record> {
        if (!snapshot.exists()) return Fail(NoSuchLock(lock));
        Record record = snapshot.record;
        const bool smaller = slots < std::max(record.slots, 1);
        if (!smaller) record.slots = slots;
        record.resize_to = smaller ? slots : 0;
        record.resize_id = smaller ? resize_id : std::string();
        return record;
      },
      deadline);
}

// The record as the handle's owner may change it.
Result<Record> OwnRecord(const Handle& handle, const Snapshot& snapshot) {
  if (!snapshot.exists()) {
    return Fail(ErrorCode::kNotHolder,
                fmt::format("the hold on \"{}\" is over: its record is gone", handle.lock));
  }
  const Record& record = snapshot.record;
  const bool mine = record.phase == protocol::Phase::kHeld && !handle.instance.empty() &&
                    record.holder.instance == handle.instance && record.token == handle.token;
  if (mine) return record;
  return Fail(
      NotTheHolder({.handle = handle, .holder_now = record.holder.name, .note = record.note}));
}

}  // namespace

std::unique_ptr<Driver> RecordBackend::NewDriver(protocol::Claim claim, EventSink sink) {
  return std::make_unique<RecordDriver>(store_, std::move(claim), std::move(sink));
}

Result<void> RecordBackend::Renew(const Handle& handle, BootTime deadline) {
  const auto renewed = UpdateRecord(
      *store_, SlotRecordName(handle.lock, handle.slot),
      [&](const Snapshot& snapshot) {
        Result<Record> record = OwnRecord(handle, snapshot);
        if (record) {
          record->stamp = RandomNonce();
          record->renewed = WallNow();
          record->credit = std::chrono::milliseconds(0);
        }
        return record;
      },
      deadline);
  if (!renewed) return Fail(renewed.error());
  return {};
}

Result<Holder> RecordBackend::Release(const Handle& handle, BootTime deadline) {
  Holder holder;
  const auto released = UpdateRecord(
      *store_, SlotRecordName(handle.lock, handle.slot),
      [&](const Snapshot& snapshot) {
        Result<Record> record = OwnRecord(handle, snapshot);
        if (record) {
          holder = record->holder;
          record->phase = protocol::Phase::kFree;
          record->kind = HoldKind::kProcess;
          record->holder = {};
          record->ttl = record->kill = record->credit = std::chrono::milliseconds(0);
          record->stamp = RandomNonce();
          record->renewed = WallNow();
        }
        return record;
      },
      deadline);
  if (!released) return Fail(released.error());
  return holder;
}

Result<LockStatus> RecordBackend::Status(const std::string& lock, BootTime deadline) {
  LockStatus status{.name = lock};
  for (int slot = 0; slot < status.slots; ++slot) {
    const auto snapshot = store_->Read(SlotRecordName(lock, slot), deadline);
    if (!snapshot) return Fail(snapshot.error());
    if (slot == 0) {
      if (!snapshot->exists()) return Fail(NoSuchLock(lock));
      status.slots = std::clamp(snapshot->record.slots, 1, kMaxSlots);
      status.resize_to = snapshot->record.resize_to;
    }
    if (snapshot->exists())
      status.slot.push_back(StatusOf(slot, *snapshot));
    else
      status.slot.push_back({.slot = slot});
  }
  return status;
}

Result<std::vector<LockStatus>> RecordBackend::List(BootTime deadline) {
  const auto listed = store_->List(deadline);
  if (!listed) return Fail(listed.error());
  std::map<std::string, LockStatus> by_name;
  for (const protocol::Listed& entry : *listed) {
    const SlotName name = ParseSlotRecordName(entry.name);
    LockStatus& status = by_name[name.lock];
    status.name = name.lock;
    if (entry.unreadable) {
      status.unreadable = entry.unreadable;
      continue;
    }
    if (name.slot == 0) {
      status.slots = std::clamp(entry.snapshot.record.slots, 1, kMaxSlots);
      status.resize_to = entry.snapshot.record.resize_to;
    }
    if (entry.snapshot.record.phase != Phase::kRetired) {
      status.slot.push_back(StatusOf(name.slot, entry.snapshot));
    }
  }
  std::vector<LockStatus> all;
  for (auto& [name, status] : by_name) {
    std::ranges::sort(status.slot, {}, &SlotStatus::slot);
    all.push_back(std::move(status));
  }
  return all;
}

Result<SlotStatus> RecordBackend::Break(const LockClient::BreakRequest& request,
                                        const std::string& note, BootTime deadline) {
  const auto status = Status(request.lock, deadline);
  if (!status) return Fail(status.error());
  const auto is_meant = [&](const SlotStatus& candidate) {
    return candidate.token == request.token && candidate.state != SlotState::kFree &&
           candidate.state != SlotState::kRetired &&
           request.slot.value_or(candidate.slot) == candidate.slot;
  };
  const auto slot = std::ranges::find_if(status->slot, is_meant);
  const Error over = NoSuchHold(request);
  if (slot == status->slot.end()) return Fail(over);
  if (std::ranges::count_if(status->slot, is_meant) > 1) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("the token {} stands in more than one slot of \"{}\" (each slot counts "
                            "for itself): name the slot, too",
                            request.token, request.lock));
  }

  SlotStatus broken;
  const auto updated = UpdateRecord(
      *store_, SlotRecordName(request.lock, slot->slot),
      [&](const Snapshot& snapshot) -> Result<Record> {
        const bool held = snapshot.exists() && (snapshot.record.phase == Phase::kHeld ||
                                                snapshot.record.phase == Phase::kRecovering);
        if (!held || snapshot.record.token != request.token) return Fail(over);
        broken = StatusOf(slot->slot, snapshot);
        Record record = snapshot.record;
        record.phase = Phase::kFree;
        record.kind = HoldKind::kProcess;
        record.foreign = false;
        record.holder = {};
        record.owed_kill = OutstandingKill(snapshot.record);
        record.ttl = record.kill = record.credit = milliseconds(0);
        record.stamp = RandomNonce();
        record.renewed = WallNow();
        record.note = note;
        return record;
      },
      deadline);
  if (!updated) return Fail(updated.error());
  return broken;
}

Result<void> RecordBackend::Create(const std::string& lock, int slots, BootTime deadline) {
  const auto created = UpdateRecord(
      *store_, lock,
      [&](const Snapshot& snapshot) -> Result<Record> {
        Record record = snapshot.exists() ? snapshot.record : NewRecord();
        if (record.slots != 0 && record.slots != slots) {
          return Fail(ErrorCode::kInvalidArgument,
                      fmt::format("the lock \"{}\" exists with {} slots, not {}: change it with "
                                  "`monopod resize {} --slots {}`",
                                  lock, record.slots, slots, lock, slots));
        }
        record.slots = slots;
        return record;
      },
      deadline);
  if (!created) return Fail(created.error());
  return {};
}

Result<bool> RecordBackend::Resize(const ResizeRequest& request) {
  auto begun =
      BeginResize(*store_, request.lock, request.slots, BootClock::now() + request.store_timeout);
  if (!begun) return Fail(begun.error());
  if (begun->resize_to == 0) return true;
  for (int slot = begun->slots - 1; slot >= request.slots; --slot) {
    const auto retired = RetireSlot(*store_, SlotRecordName(request.lock, slot), request);
    if (!retired || !*retired) return retired;
  }
  const auto finished = UpdateRecord(
      *store_, request.lock,
      [&](const Snapshot& snapshot) -> Result<Record> {
        if (!snapshot.exists()) return Fail(NoSuchLock(request.lock));
        Record record = snapshot.record;
        // The same number is not enough: slots may have come and gone in between.
        if (record.resize_id != begun->resize_id) {
          return Fail(ErrorCode::kConflict,
                      fmt::format("somebody else resized \"{}\" meanwhile", request.lock));
        }
        record.slots = request.slots;
        record.resize_to = 0;
        record.resize_id.clear();
        return record;
      },
      BootClock::now() + request.store_timeout);
  if (!finished) return Fail(finished.error());
  return true;
}

}  // namespace monopod::lock
