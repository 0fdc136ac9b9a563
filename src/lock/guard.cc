#include "monopod/guard.h"

#include <fmt/format.h>

#include <utility>

#include "src/base/lock_name.h"
#include "src/base/wait.h"
#include "src/lock/client_impl.h"
#include "src/lock/guard_conditions.h"
#include "src/lock/queue_driver.h"

namespace monopod {
namespace {

using etcd::Transaction;
using etcd::TransactionReply;

constexpr std::chrono::milliseconds kPause(100);

// Asked again only while it certainly did not land, or where it changes nothing.
Result<TransactionReply> Transact(const lock::EtcdStore& store, const Transaction& transaction,
                                  BootTime deadline) {
  const bool reads = std::holds_alternative<etcd::Range>(transaction.then.front());
  while (true) {
    auto reply = store.api->Transact(transaction, deadline);
    if (reply) return reply;
    const ErrorCode code = reply.error().code;
    if (code == ErrorCode::kIndeterminate && !reads) {
      return Fail(code, fmt::format("it is not known whether the write landed, or still will while "
                                    "the lock is held: {}",
                                    reply.error().message));
    }
    if (code != ErrorCode::kIndeterminate && code != ErrorCode::kUnavailable &&
        code != ErrorCode::kDeadlineExceeded) {
      return reply;
    }
    if (BootClock::now() + kPause >= deadline) {
      return Fail(ErrorCode::kUnavailable, std::move(reply.error().message));
    }
    WaitUntil(BootClock::now() + kPause, {});
  }
}

Error NotOnThisStore(const std::string& url) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("a guarded write is one transaction with the check of the lock, so that only "
                      "a lock in etcd has it, and this one is in {}: hand the token "
                      "(MONOPOD_TOKEN) to what the lock protects instead, and let it refuse a "
                      "lower one than it has seen; in SQL: UPDATE ... WHERE token <= ?",
                      url)};
}

}  // namespace

struct Guard::Impl {
  std::shared_ptr<lock::EtcdStore> store;
  std::chrono::nanoseconds timeout;
  lock::GuardedHold hold;
  etcd::LockKeys keys;
  std::vector<GuardCondition> conditions = {};

  static Result<Guard> Make(const LockClient& client, lock::GuardedHold hold);

  // The answer to the operation.
  Result<etcd::OperationReply> Do(std::string_view key, etcd::Operation operation) const {
    if (auto checked = lock::CheckGuardedKey(store->prefix, key); !checked) {
      return Fail(checked.error());
    }
    auto reply = Transact(*store, lock::GuardedTransaction(conditions, std::move(operation), keys),
                          BootClock::now() + timeout);
    if (!reply) return Fail(std::move(reply.error()));
    if (!reply->succeeded) {
      return Fail(lock::FencedOff(hold, keys, etcd::ReadLockContents(*reply)));
    }
    if (reply->replies.empty()) return Fail(ErrorCode::kInternal, "etcd answered with nothing");
    return std::move(reply->replies.front());
  }
};

Result<Guard> Guard::Impl::Make(const LockClient& client, lock::GuardedHold hold) {
  if (auto checked = CheckLockName(hold.lock); !checked) return Fail(checked.error());
  const auto& open = LockClientOverStore::Of(client);
  auto store = open.backend().etcd();
  if (!store) return Fail(NotOnThisStore(open.opened.url));
  const etcd::LockKeys keys(store->prefix, hold.lock);
  auto impl = std::make_unique<Impl>(Impl{.store = std::move(store),
                                          .timeout = open.options.store_timeout,
                                          .hold = std::move(hold),
                                          .keys = keys});
  const auto reply = Transact(*impl->store, etcd::ReadLockTransaction(impl->keys), open.Deadline());
  if (!reply) return Fail(reply.error());
  auto conditions = lock::ConditionsOf(impl->hold, impl->keys, etcd::ReadLockContents(*reply));
  if (!conditions) return Fail(std::move(conditions.error()));
  impl->conditions = std::move(*conditions);
  return Guard(std::move(impl));
}

Guard::Guard(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Guard::Guard(Guard&&) noexcept = default;
Guard& Guard::operator=(Guard&&) noexcept = default;
Guard::~Guard() = default;

Result<Guard> Guard::Of(const LockClient& client, const Lock& lock) {
  return Impl::Make(
      client, {.lock = lock.name(), .token = lock.token(), .instance = lock.holder().instance});
}

Result<Guard> Guard::Of(const LockClient& client, const Handle& handle) {
  return Impl::Make(client,
                    {.lock = handle.lock, .token = handle.token, .instance = handle.instance});
}

Result<Guard> Guard::Of(const LockClient& client, const Hold& hold) {
  return Impl::Make(client, {.lock = hold.lock, .token = hold.token, .instance = {}});
}

const std::string& Guard::lock() const { return impl_->hold.lock; }
Token Guard::token() const { return impl_->hold.token; }
const std::vector<GuardCondition>& Guard::conditions() const { return impl_->conditions; }

Result<void> Guard::Put(std::string_view key, std::string_view value) const {
  const auto done = impl_->Do(key, etcd::Put{std::string(key), std::string(value), etcd::kNoLease});
  if (!done) return Fail(done.error());
  return {};
}

Result<std::optional<std::string>> Guard::Get(std::string_view key) const {
  const auto done = impl_->Do(key, etcd::Range{.key = std::string(key)});
  if (!done) return Fail(done.error());
  const auto* range = std::get_if<etcd::RangeReply>(&*done);
  if (range == nullptr || range->found.empty()) return std::nullopt;
  return range->found.front().value;
}

Result<bool> Guard::Delete(std::string_view key) const {
  const auto done = impl_->Do(key, etcd::Delete{std::string(key)});
  if (!done) return Fail(done.error());
  const auto* deletion = std::get_if<etcd::DeleteReply>(&*done);
  return deletion != nullptr && deletion->deleted > 0;
}

}  // namespace monopod
