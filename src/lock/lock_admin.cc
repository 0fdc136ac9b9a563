// What an administrator does with locks: look, break, create, resize; renew and release by a
// handle.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/base/lock_name.h"
#include "src/lock/client_impl.h"
#include "src/lock/text.h"

namespace monopod {

namespace lock {

Error NoSuchLock(std::string_view lock) {
  return {ErrorCode::kNotFound, fmt::format("there is no lock \"{}\"", lock)};
}

Error NoSuchHold(const LockClient::BreakRequest& request) {
  return {ErrorCode::kNotHolder,
          fmt::format("no hold of \"{}\" has the token {}: `monopod status {}` shows the present "
                      "ones",
                      request.lock, request.token, request.lock)};
}

Error NotTheHolder(const LostHandle& lost) {
  const std::string now = lost.holder_now.empty() ? "nobody holds it now"
                                                  : fmt::format("{} holds it now", lost.holder_now);
  return {ErrorCode::kNotHolder,
          fmt::format("the handle (token {}) does not hold \"{}\": {}", lost.handle.token,
                      lost.handle.lock, lost.note.empty() ? now : lost.note + "; " + now)};
}

}  // namespace lock

namespace {

Result<void> CheckSlotCount(int slots) {
  if (slots >= 1 && slots <= kMaxSlots) return {};
  return Fail(ErrorCode::kInvalidArgument,
              fmt::format("{} slots are not allowed: 1 to {}", slots, kMaxSlots));
}

}  // namespace

std::string_view SlotStateName(SlotState state) {
  switch (state) {
    case SlotState::kFree: return "free";
    case SlotState::kRecovering: return "recovering";
    case SlotState::kHeld: return "held";
    case SlotState::kExpired: return "expired";
    case SlotState::kRetired: return "retired";
  }
  return "unknown";
}

Result<void> LockClient::Renew(const Handle& handle) {
  return impl_->backend().Renew(handle, impl_->Deadline());
}

Result<void> LockClient::Release(const Handle& handle) {
  auto holder = impl_->backend().Release(handle, impl_->Deadline());
  if (!holder) return Fail(std::move(holder.error()));
  impl_->Tell({.kind = EventKind::kReleased,
               .lock = handle.lock,
               .asker = std::move(*holder),
               .slot = handle.slot,
               .token = handle.token});
  return {};
}

Result<LockStatus> LockClient::Status(std::string_view lock) {
  if (auto checked = CheckLockName(lock); !checked) return Fail(checked.error());
  return impl_->backend().Status(std::string(lock), impl_->Deadline());
}

Result<std::vector<LockStatus>> LockClient::List() {
  return impl_->backend().List(impl_->Deadline());
}

Result<void> LockClient::Break(const BreakRequest& request) {
  if (auto checked = CheckLockName(request.lock); !checked) return checked;
  if (auto checked = lock::CheckText("reason", request.reason); !checked) return checked;
  const std::string note = fmt::format("broken by {} at {}: {}", impl_->holder.name,
                                       FormatWallTime(WallNow()), request.reason);
  const auto broken = impl_->backend().Break(request, note, impl_->Deadline());
  if (!broken) return Fail(broken.error());
  impl_->Tell({.kind = EventKind::kBroken,
               .lock = request.lock,
               .asker = impl_->holder,
               .slot = broken->slot,
               .token = request.token,
               .owner = broken->holder,
               .owner_since = broken->acquired,
               .owner_renewed = broken->renewed,
               .detail = request.reason});
  return {};
}

Result<void> LockClient::Create(std::string_view lock, int slots) {
  if (auto checked = CheckLockName(lock); !checked) return checked;
  if (auto checked = CheckSlotCount(slots); !checked) return checked;
  return impl_->backend().Create(std::string(lock), slots, impl_->Deadline());
}

Result<bool> LockClient::Resize(std::string_view lock, int slots, std::chrono::nanoseconds wait) {
  if (auto checked = CheckLockName(lock); !checked) return Fail(checked.error());
  if (auto checked = CheckSlotCount(slots); !checked) return Fail(checked.error());
  return impl_->backend().Resize(
      {.lock = std::string(lock),
       .slots = slots,
       .give_up_at = BootClock::now() + std::min(wait, lock::kLongestDelay),
       .store_timeout = impl_->options.store_timeout});
}

}  // namespace monopod
