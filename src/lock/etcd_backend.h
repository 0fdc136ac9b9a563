// Locks that are queues in etcd.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/etcd/lock_picture.h"
#include "src/etcd/lock_values.h"
#include "src/lock/backend.h"
#include "src/lock/queue_driver.h"

namespace monopod::lock {

class EtcdBackend : public Backend {
 public:
  explicit EtcdBackend(std::shared_ptr<EtcdStore> store) : store_(std::move(store)) {}

  std::shared_ptr<EtcdStore> etcd() const override { return store_; }
  std::unique_ptr<Driver> NewDriver(protocol::Claim claim, EventSink sink) override;
  Result<void> Renew(const Handle& handle, BootTime deadline) override;
  Result<Holder> Release(const Handle& handle, BootTime deadline) override;
  Result<LockStatus> Status(const std::string& lock, BootTime deadline) override;
  Result<std::vector<LockStatus>> List(BootTime deadline) override;
  Result<SlotStatus> Break(const LockClient::BreakRequest& request, const std::string& note,
                           BootTime deadline) override;
  Result<void> Create(const std::string& lock, int slots, BootTime deadline) override;
  Result<bool> Resize(const ResizeRequest& request) override;

 private:
  struct OwnMember {
    std::string id;
    etcd::KeyValue member;
    std::optional<etcd::MarkerValue> marker;
  };
  Result<OwnMember> Find(const Handle& handle, BootTime deadline);
  Result<etcd::TransactionReply> Ask(const etcd::Transaction& transaction, BootTime deadline);
  Result<etcd::TransactionReply> Change(const etcd::Transaction& transaction, BootTime deadline);

  const std::shared_ptr<EtcdStore> store_;
};

}  // namespace monopod::lock
