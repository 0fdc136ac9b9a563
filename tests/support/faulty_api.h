// An etcd whose transactions fail as a test wants: before they reach the real one, or after.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "src/etcd/api.h"
#include "tests/support/faults.h"

namespace monopod::testing {

class FaultyApi : public etcd::Api, public Faults {
 public:
  explicit FaultyApi(std::shared_ptr<etcd::Api> real) : real_(std::move(real)) {}

  Result<std::chrono::seconds> Grant(etcd::LeaseId id, std::chrono::seconds ttl,
                                     BootTime deadline) override {
    if (down) return Down();
    return real_->Grant(id, ttl, deadline);
  }
  Result<std::chrono::seconds> KeepAlive(etcd::LeaseId id, BootTime deadline) override {
    if (down) return Down();
    return real_->KeepAlive(id, deadline);
  }
  Result<void> Revoke(etcd::LeaseId id, BootTime deadline) override {
    if (down) return Down();
    return real_->Revoke(id, deadline);
  }
  Result<etcd::TimeToLive> AskTimeToLive(etcd::LeaseId id, BootTime deadline) override {
    if (down) return Down();
    return real_->AskTimeToLive(id, deadline);
  }
  Result<etcd::TransactionReply> Transact(const etcd::Transaction& transaction,
                                          BootTime deadline) override {
    if (down) return Down();
    const bool writes = std::ranges::any_of(transaction.then, [](const etcd::Operation& operation) {
      return !std::holds_alternative<etcd::Range>(operation);
    });
    if (writes && Take(lose_requests)) {
      return Fail(ErrorCode::kIndeterminate, "the request was lost");
    }
    auto reply = real_->Transact(transaction, deadline);
    if (writes && reply && Take(lose_replies)) {
      return Fail(ErrorCode::kIndeterminate, "the reply was lost");
    }
    return reply;
  }
  std::unique_ptr<etcd::Watch> StartWatch(std::string key, std::string end,
                                          std::function<void(etcd::WatchReport)> report) override {
    return real_->StartWatch(std::move(key), std::move(end), std::move(report));
  }

 private:
  static tl::unexpected<Error> Down() { return Fail(ErrorCode::kUnavailable, "etcd is down"); }

  const std::shared_ptr<etcd::Api> real_;
};

}  // namespace monopod::testing
