#include "src/lock/etcd_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "src/base/lock_name.h"
#include "src/base/nonce.h"
#include "src/base/wait.h"
#include "src/etcd/lock_changes.h"
#include "src/etcd/lock_picture.h"

namespace monopod::lock {
namespace {

using etcd::Claimed;
using etcd::LockKeys;
using etcd::LockPicture;
using etcd::Transaction;
using etcd::TransactionReply;
using std::chrono::milliseconds;

constexpr milliseconds kPause(100);

bool IsPassing(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kIndeterminate ||
         code == ErrorCode::kDeadlineExceeded;
}

SlotStatus StatusOf(const LockPicture& picture, const Claimed& holder) {
  SlotStatus status{.state = SlotState::kHeld,
                    .holder = holder.member.holder,
                    .foreign = holder.foreign,
                    .kind = holder.member.kind,
                    .token = static_cast<Token>(holder.created),
                    .acquired = holder.member.acquired,
                    .renewed = holder.member.renewed,
                    .ttl = holder.member.ttl};
  if (holder.alive) return status;
  // Its key is gone, its work perhaps not.
  status.owed = std::max(holder.marker.kill, holder.marker.owed);
  status.note = holder.marker.note;
  status.holder = {};
  const auto next = std::ranges::find_if(picture.claims, [&](const Claimed& claimed) {
    return claimed.alive && claimed.created > holder.created;
  });
  status.state = next == picture.claims.end() ? SlotState::kFree : SlotState::kRecovering;
  if (next == picture.claims.end()) return status;
  status.holder = next->member.holder;
  status.token = static_cast<Token>(next->created);
  status.acquired = next->member.acquired;
  status.renewed = next->member.renewed;
  status.ttl = next->member.ttl;
  return status;
}

LockStatus StatusOf(const LockPicture& picture) {
  LockStatus status{.name = picture.name, .slots = std::clamp(picture.slots.slots, 1, kMaxSlots)};
  if (picture.slots.before > picture.slots.slots) {
    status.resize_to = picture.slots.slots;
    status.slots = std::clamp(picture.slots.before, 1, kMaxSlots);
  }
  for (const Claimed* holder : picture.Holders()) {
    status.slot.push_back(StatusOf(picture, *holder));
    status.slot.back().slot = static_cast<int>(status.slot.size()) - 1;
  }
  while (static_cast<int>(status.slot.size()) < status.slots) {
    status.slot.push_back({.slot = static_cast<int>(status.slot.size())});
  }
  return status;
}

}  // namespace

std::unique_ptr<Driver> EtcdBackend::NewDriver(protocol::Claim claim, EventSink sink) {
  return std::make_unique<QueueDriver>(store_, std::move(claim), std::move(sink));
}

// A read, repeated until it is answered.
Result<TransactionReply> EtcdBackend::Ask(const Transaction& transaction, BootTime deadline) {
  while (true) {
    auto reply = store_->api->Transact(transaction, deadline);
    if (reply || !IsPassing(reply.error().code)) return reply;
    if (BootClock::now() + kPause >= deadline) {
      return Fail(ErrorCode::kUnavailable, std::move(reply.error().message));
    }
    WaitUntil(BootClock::now() + kPause, {});
  }
}

// A change that does no harm when it lands twice, repeated until it is answered.
Result<TransactionReply> EtcdBackend::Change(const Transaction& transaction, BootTime deadline) {
  bool unknown = false;
  while (true) {
    auto reply = store_->api->Transact(transaction, deadline);
    if (reply || !IsPassing(reply.error().code)) return reply;
    unknown = unknown || reply.error().code == ErrorCode::kIndeterminate;
    if (BootClock::now() + kPause >= deadline) {
      return Fail(unknown ? ErrorCode::kIndeterminate : ErrorCode::kUnavailable,
                  std::move(reply.error().message));
    }
    WaitUntil(BootClock::now() + kPause, {});
  }
}

Result<EtcdBackend::OwnMember> EtcdBackend::Find(const Handle& handle, BootTime deadline) {
  const LockKeys keys(store_->prefix, handle.lock);
  const auto reply = Ask(etcd::ReadLockTransaction(keys), deadline);
  if (!reply) return Fail(reply.error());
  const etcd::LockContents contents = etcd::ReadLockContents(*reply);
  for (const etcd::KeyValue& member : contents.members) {
    const auto id = keys.IdOfMember(member.key);
    if (id && etcd::NonceOfId(*id) == handle.instance &&
        static_cast<Token>(member.create_revision) == handle.token) {
      OwnMember own{.id = *id, .member = member, .marker = {}};
      const auto marker =
          std::ranges::find(contents.markers, keys.Marker(*id), &etcd::KeyValue::key);
      if (marker != contents.markers.end()) {
        auto value = etcd::DecodeMarker(*marker);
        if (!value) return Fail(std::move(value.error()));
        own.marker = std::move(*value);
      }
      return own;
    }
  }
  const auto picture = etcd::DrawLock(handle.lock, keys, contents);
  if (!picture) return Fail(picture.error());
  LostHandle lost{.handle = handle, .holder_now = {}, .note = {}};
  for (const Claimed& claimed : picture->claims) {
    if (claimed.alive && lost.holder_now.empty()) lost.holder_now = claimed.member.holder.name;
    if (!claimed.alive && etcd::NonceOfId(claimed.id) == handle.instance) {
      lost.note = claimed.marker.note;
    }
  }
  return Fail(NotTheHolder(lost));
}

Result<void> EtcdBackend::Renew(const Handle& handle, BootTime deadline) {
  const LockKeys keys(store_->prefix, handle.lock);
  while (true) {
    auto own = Find(handle, deadline);
    if (!own) return Fail(std::move(own.error()));
    auto value = etcd::DecodeMember(own->member);
    if (!value) return Fail(std::move(value.error()));
    if (own->member.lease != etcd::kNoLease) {
      const auto kept = store_->api->KeepAlive(own->member.lease, deadline);
      // That the lease is gone only the member's absence proves.
      if (!kept && kept.error().code != ErrorCode::kNotFound) return Fail(kept.error());
    }
    value->stamp = RandomNonce();
    value->renewed = WallNow();
    const etcd::Standing standing{.id = own->id,
                                  .token = own->member.create_revision,
                                  .member_mod = own->member.mod_revision};
    const auto proved = Change(
        etcd::ProveTransaction(keys, standing,
                               {.value = *value, .lease = own->member.lease, .slots_mod = {}}, {}),
        deadline);
    if (!proved) return Fail(proved.error());
    if (proved->succeeded) return {};
    // An earlier try of the same may have landed, or another who has the handle was faster.
    const auto member = etcd::ReadOwnKeys(*proved).member;
    const auto now = member ? etcd::DecodeMember(*member) : etcd::DecodeMember({});
    if (now && now->stamp == value->stamp) return {};
    if (BootClock::now() >= deadline) {
      return Fail(ErrorCode::kUnavailable, "the hold changed again and again while it was renewed");
    }
  }
}

Result<Holder> EtcdBackend::Release(const Handle& handle, BootTime deadline) {
  const auto own = Find(handle, deadline);
  if (!own) return Fail(own.error());
  const LockKeys keys(store_->prefix, handle.lock);
  const auto released =
      Change(etcd::ReleaseTransaction(
                 keys, {.id = own->id, .token = own->member.create_revision},
                 {.marker = own->marker.value_or(etcd::MarkerValue{}), .finished = {}}),
             deadline);
  if (!released) return Fail(released.error());
  const auto member = etcd::DecodeMember(own->member).value_or(etcd::MemberValue{});
  if (own->member.lease != etcd::kNoLease) {
    store_->leases.Return({.id = own->member.lease,
                           .reusable = false,
                           .ttl = std::chrono::ceil<std::chrono::seconds>(member.ttl),
                           .kept = BootClock::now()});
  }
  return member.holder;
}

Result<LockStatus> EtcdBackend::Status(const std::string& lock, BootTime deadline) {
  const LockKeys keys(store_->prefix, lock);
  const auto reply = Ask(etcd::ReadLockTransaction(keys), deadline);
  if (!reply) return Fail(reply.error());
  const etcd::LockContents contents = etcd::ReadLockContents(*reply);
  if (contents.empty()) {
    return Fail(
        ErrorCode::kNotFound,
        fmt::format("there is no lock \"{}\" now: one that is idle leaves nothing in etcd", lock));
  }
  return etcd::DrawLock(lock, keys, contents).map([](const auto& drawn) {
    return StatusOf(drawn);
  });
}

Result<std::vector<LockStatus>> EtcdBackend::List(BootTime deadline) {
  std::map<std::string, etcd::LockContents> by_name;
  const auto all =
      Ask({.compares = {},
           .then = {etcd::Range{.key = store_->prefix, .end = etcd::EndOfPrefix(store_->prefix)}}},
          deadline);
  if (!all) return Fail(all.error());
  const auto* range = std::get_if<etcd::RangeReply>(&all->replies.front());
  if (range == nullptr) return Fail(ErrorCode::kInternal, "a range was not answered with keys");
  for (const etcd::KeyValue& at : range->found) {
    const auto key = etcd::ParseLockKey(store_->prefix, at.key);
    if (!key || !CheckLockName(key->lock)) continue;
    etcd::LockContents& contents = by_name[key->lock];
    switch (key->kind) {
      case etcd::LockKey::Kind::kMember:
      case etcd::LockKey::Kind::kForeign: contents.members.push_back(at); break;
      case etcd::LockKey::Kind::kMarker: contents.markers.push_back(at); break;
      case etcd::LockKey::Kind::kTail: contents.tail = at; break;
      case etcd::LockKey::Kind::kSlots: contents.slots = at; break;
    }
  }
  std::vector<LockStatus> statuses;
  for (const auto& [name, contents] : by_name) {
    const auto picture = etcd::DrawLock(name, LockKeys(store_->prefix, name), contents);
    if (!picture) return Fail(picture.error());
    statuses.push_back(StatusOf(*picture));
  }
  return statuses;
}

Result<SlotStatus> EtcdBackend::Break(const LockClient::BreakRequest& request,
                                      const std::string& note, BootTime deadline) {
  const LockKeys keys(store_->prefix, request.lock);
  SlotStatus broken;
  while (true) {
    const auto reply = Ask(etcd::ReadLockTransaction(keys), deadline);
    if (!reply) return Fail(reply.error());
    const etcd::LockContents contents = etcd::ReadLockContents(*reply);
    if (contents.empty()) return Fail(NoSuchLock(request.lock));
    const auto picture = etcd::DrawLock(request.lock, keys, contents);
    if (!picture) return Fail(picture.error());
    // An earlier try whose answer was lost.
    if (std::ranges::any_of(picture->claims, [&](const Claimed& claimed) {
          return !claimed.alive && claimed.marker.note == note;
        })) {
      return broken;
    }
    const auto holders = picture->Holders();
    const auto at = std::ranges::find_if(holders, [&](const Claimed* claimed) {
      return claimed->alive && static_cast<Token>(claimed->created) == request.token;
    });
    if (at == holders.end()) return Fail(NoSuchHold(request));
    const Claimed& hold = **at;
    const auto ended = Change(etcd::BreakTransaction(keys, hold, note), deadline);
    if (!ended) return Fail(ended.error());
    broken = StatusOf(*picture, hold);
    if (ended->succeeded) return broken;
    if (BootClock::now() >= deadline) return Fail(NoSuchHold(request));
  }
}

Result<void> EtcdBackend::Create(const std::string& lock, int slots, BootTime deadline) {
  const LockKeys keys(store_->prefix, lock);
  while (true) {
    const auto reply = Ask(etcd::ReadLockTransaction(keys), deadline);
    if (!reply) return Fail(reply.error());
    const etcd::LockContents contents = etcd::ReadLockContents(*reply);
    const auto picture = etcd::DrawLock(lock, keys, contents);
    if (!picture) return Fail(picture.error());
    const bool in_use = picture->slots_said || !contents.empty();
    if (in_use && picture->slots.slots != slots) {
      return Fail(ErrorCode::kInvalidArgument,
                  fmt::format("the lock \"{}\" exists with {} slots, not {}: change it with "
                              "`monopod resize {} --slots {}`",
                              lock, picture->slots.slots, slots, lock, slots));
    }
    if (picture->slots_said) return {};
    const auto said = Change(etcd::CreateTransaction(keys, contents, slots), deadline);
    if (!said) return Fail(said.error());
    if (said->succeeded) return {};
    if (BootClock::now() >= deadline) {
      return Fail(ErrorCode::kUnavailable, "the lock changed again and again while it was created");
    }
  }
}

Result<bool> EtcdBackend::Resize(const ResizeRequest& request) {
  using Kind = etcd::Resizing::Step::Kind;
  const LockKeys keys(store_->prefix, request.lock);
  etcd::Resizing resizing(keys, request.slots);
  while (true) {
    const BootTime deadline = BootClock::now() + request.store_timeout;
    const auto reply = Ask(etcd::ReadLockTransaction(keys), deadline);
    if (!reply) return Fail(reply.error());
    const auto step = resizing.Next(etcd::ReadLockContents(*reply), BootClock::now());
    if (!step) return Fail(step.error());
    for (const Transaction& tidy : step->tidy) {
      if (const auto tidied = Change(tidy, deadline); !tidied) return Fail(tidied.error());
    }
    switch (step->kind) {
      case Kind::kNoLock: return Fail(NoSuchLock(request.lock));
      case Kind::kOvertaken:
        return Fail(ErrorCode::kConflict,
                    fmt::format("somebody else resized \"{}\" meanwhile", request.lock));
      case Kind::kDone: return true;
      case Kind::kWrite: {
        const auto written = Change(step->write, deadline);
        if (!written) return Fail(written.error());
        resizing.OnWritten(written->succeeded);
        break;
      }
      case Kind::kAwait:
        if (BootClock::now() >= request.give_up_at) return false;
        WaitUntil(std::min(request.give_up_at, BootClock::now() + kPause), {});
        break;
    }
  }
}

}  // namespace monopod::lock
