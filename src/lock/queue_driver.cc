#include "src/lock/queue_driver.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "src/base/nonce.h"

namespace monopod::lock {

using protocol::Moment;

QueueDriver::QueueDriver(std::shared_ptr<EtcdStore> store, protocol::Claim claim, EventSink sink)
    : Driver(claim, std::move(sink)),
      store_(std::move(store)),
      machine_(claim, etcd::LockKeys(store_->prefix, claim.lock), RandomNonce) {
  machine_.Assume(store_->slots.Recall(claim.lock));
}

QueueDriver::~QueueDriver() {
  for (const auto& lease : machine_.leases()) store_->leases.Return(lease);
  store_->slots.Note(this->claim().lock, machine_.known_slots());
}

Driver::Progress QueueDriver::Act(const std::stop_token& wake) {
  TakeLetters();
  etcd::Action action = machine_.Next(MomentNow());
  etcd::Api& api = *store_->api;
  // `sent` is taken before the call: a tenure counts from there.
  const Moment sent = MomentNow();
  const Overloaded handlers{[&](const etcd::GrantAction& call) {
                              const auto reply = store_->leases.Take(call.ttl, call.deadline);
                              machine_.OnGrant(reply, sent, MomentNow());
                              return Progress::kGoing;
                            },
                            [&](const etcd::KeepAliveAction& call) {
                              const auto reply = api.KeepAlive(call.lease, call.deadline);
                              machine_.OnKeepAlive(reply, sent, MomentNow());
                              return Progress::kGoing;
                            },
                            [&](const etcd::RevokeAction& call) {
                              const auto reply = api.Revoke(call.lease, call.deadline);
                              machine_.OnRevoke(reply, MomentNow());
                              return Progress::kGoing;
                            },
                            [&](const etcd::AskLeaseAction& call) {
                              const auto reply = api.AskTimeToLive(call.lease, call.deadline);
                              machine_.OnLease(reply, MomentNow());
                              return Progress::kGoing;
                            },
                            [&](const etcd::TransactAction& call) {
                              const auto reply = api.Transact(call.transaction, call.deadline);
                              machine_.OnTransaction(reply, sent, MomentNow());
                              return Progress::kGoing;
                            },
                            [&](const etcd::WatchAction& call) {
                              Rewatch(call);
                              return Progress::kGoing;
                            },
                            [&](const etcd::AwaitAction& call) {
                              Await(call, wake);
                              return Progress::kGoing;
                            },
                            [&](const protocol::IdleAction& call) { return Idle(call, wake); },
                            [&](protocol::TellAction& call) { return Tell(call); },
                            [&](protocol::DoneAction& call) { return Finish(call); }};
  return std::visit(handlers, action);
}

void QueueDriver::TakeLetters() {
  std::deque<Mailbox::Letter> letters;
  {
    const std::lock_guard guard(mailbox_->mutex);
    letters.swap(mailbox_->letters);
  }
  const Moment received = MomentNow();
  for (const auto& letter : letters) {
    // One of a watch that was ended meanwhile tells nothing that is asked for.
    if (watches_.contains(letter.watched)) {
      machine_.OnReport(letter.watched, letter.report, received);
    }
  }
}

void QueueDriver::Rewatch(const etcd::WatchAction& action) {
  std::erase_if(watches_, [&](const auto& watched) {
    return std::ranges::none_of(action.watched, [&](const auto& wanted) {
      return wanted.begin == watched.first && wanted.end == watched.second.end;
    });
  });
  for (const auto& wanted : action.watched) {
    if (watches_.contains(wanted.begin)) continue;
    const auto report = [mailbox = mailbox_, key = wanted.begin](etcd::WatchReport told) {
      {
        const std::lock_guard guard(mailbox->mutex);
        mailbox->letters.push_back({.watched = key, .report = std::move(told)});
      }
      mailbox->arrived.notify_all();
    };
    watches_[wanted.begin] = {.end = wanted.end,
                              .watch = store_->api->StartWatch(wanted.begin, wanted.end, report)};
  }
}

void QueueDriver::Await(const etcd::AwaitAction& action, const std::stop_token& wake) {
  std::unique_lock guard(mailbox_->mutex);
  while (mailbox_->letters.empty() && !wake.stop_requested()) {
    const auto left = action.until - BootClock::now();
    if (left <= std::chrono::nanoseconds(0)) return;
    // The condition variable's clock stands still in a suspend: look at ours now and then.
    mailbox_->arrived.wait_for(guard, wake,
                               std::min<std::chrono::nanoseconds>(left, std::chrono::seconds(1)),
                               [&] { return !mailbox_->letters.empty(); });
  }
}

}  // namespace monopod::lock
