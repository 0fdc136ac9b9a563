// Holds that outlive their process: the handle, its renewal and its release.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "src/base/lock_name.h"
#include "src/base/nonce.h"
#include "src/lock/client_impl.h"
#include "src/lock/record_update.h"

namespace monopod {
namespace {

using protocol::Record;
using protocol::Snapshot;

template <class Number>
std::optional<Number> ParseNumber(std::string_view text) {
  Number number{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

tl::unexpected<Error> NotAHandle() {
  // The text may hold somebody's secret: it is not quoted.
  return Fail(ErrorCode::kInvalidArgument,
              "that is not a handle: expected NAME:SLOT:TOKEN:INSTANCE as `monopod acquire` "
              "prints it");
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
  const std::string now = record.holder.name.empty()
                              ? "nobody holds it now"
                              : fmt::format("{} holds it now", record.holder.name);
  return Fail(ErrorCode::kNotHolder,
              fmt::format("the handle (token {}) does not hold \"{}\": {}", handle.token,
                          handle.lock, record.note.empty() ? now : record.note + "; " + now));
}

}  // namespace

std::string Handle::ToString() const {
  return fmt::format("{}:{}:{}:{}", lock, slot, token, instance);
}

Result<Handle> Handle::Parse(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t colon = text.find(':');
    parts.push_back(text.substr(0, colon));
    if (colon == std::string_view::npos) break;
    text.remove_prefix(colon + 1);
  }
  if (parts.size() != 4 || !CheckLockName(parts[0])) return NotAHandle();
  const auto slot = ParseNumber<int>(parts[1]);
  const auto token = ParseNumber<Token>(parts[2]);
  const bool is_nonce = parts[3].size() == 32 && std::ranges::all_of(parts[3], [](char c) {
                          return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                        });
  if (!slot || *slot < 0 || *slot >= kMaxSlots || !token || !is_nonce) return NotAHandle();
  return Handle{.lock = std::string(parts[0]),
                .slot = *slot,
                .token = *token,
                .instance = std::string(parts[3])};
}

Result<void> LockClient::Renew(const Handle& handle) {
  const auto renewed = lock::UpdateRecord(
      impl_->store(), SlotRecordName(handle.lock, handle.slot),
      [&](const Snapshot& snapshot) {
        Result<Record> record = OwnRecord(handle, snapshot);
        if (record) {
          record->stamp = RandomNonce();
          record->renewed = WallNow();
          record->credit = std::chrono::milliseconds(0);
        }
        return record;
      },
      impl_->Deadline());
  if (!renewed) return Fail(renewed.error());
  return {};
}

Result<void> LockClient::Release(const Handle& handle) {
  Holder holder = impl_->holder;
  const auto released = lock::UpdateRecord(
      impl_->store(), SlotRecordName(handle.lock, handle.slot),
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
      impl_->Deadline());
  if (!released) return Fail(released.error());
  impl_->Tell({.kind = EventKind::kReleased,
               .lock = handle.lock,
               .asker = holder,
               .slot = handle.slot,
               .token = handle.token});
  return {};
}

}  // namespace monopod
