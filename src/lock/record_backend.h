// Locks that are kept as records: the backend of each RecordStore.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "src/lock/backend.h"
#include "src/protocol/record_store.h"

namespace monopod::lock {

class RecordBackend : public Backend {
 public:
  explicit RecordBackend(std::shared_ptr<protocol::RecordStore> store) : store_(std::move(store)) {}

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
  const std::shared_ptr<protocol::RecordStore> store_;
};

}  // namespace monopod::lock
