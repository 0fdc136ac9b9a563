// What a kind of store does for a LockClient: claims, and all that administrators do. Names, texts
// and numbers have been checked before; see monopod/lock_client.h for what each call means.
//
// Threads: all calls may be made concurrently. Each returns by its deadline, give or take
// scheduling.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "monopod/lock_client.h"
#include "src/lock/driver.h"
#include "src/protocol/claim.h"

namespace monopod::lock {

struct EtcdStore;

class Backend {
 public:
  virtual ~Backend() = default;

  // The etcd in which its locks are, for writes that are guarded by them; null if they are not.
  virtual std::shared_ptr<EtcdStore> etcd() const { return nullptr; }

  // The driver may outlive the backend.
  virtual std::unique_ptr<Driver> NewDriver(protocol::Claim claim, EventSink sink) = 0;

  virtual Result<void> Renew(const Handle& handle, BootTime deadline) = 0;
  // Returns who held it.
  virtual Result<Holder> Release(const Handle& handle, BootTime deadline) = 0;

  virtual Result<LockStatus> Status(const std::string& lock, BootTime deadline) = 0;
  virtual Result<std::vector<LockStatus>> List(BootTime deadline) = 0;

  // Ends the hold; `note` is recorded with it. Returns the hold as it was.
  virtual Result<SlotStatus> Break(const LockClient::BreakRequest& request, const std::string& note,
                                   BootTime deadline) = 0;
  virtual Result<void> Create(const std::string& lock, int slots, BootTime deadline) = 0;

  struct ResizeRequest {
    std::string lock;
    int slots = 1;
    BootTime give_up_at;                     // for all of it
    std::chrono::nanoseconds store_timeout;  // for each call
  };
  virtual Result<bool> Resize(const ResizeRequest& request) = 0;
};

// "there is no lock ..."
Error NoSuchLock(std::string_view lock);
// Why no hold of the lock can be broken by that token.
Error NoSuchHold(const LockClient::BreakRequest& request);
// Why a handle is of no use any more: `holder_now` may be blank.
struct LostHandle {
  const Handle& handle;
  std::string holder_now;
  std::string note;
};
Error NotTheHolder(const LostHandle& lost);

}  // namespace monopod::lock
