// Records in ConfigMaps or Leases of one namespace, one object a slot.
//
// Reads are quorum reads (no resourceVersion), writes are conditioned on the resourceVersion that
// was read, and versions are resourceVersions. What others keep in an object survives a write.
// Nothing is deleted but by Remove().
//
// Retry-After of a server that is overloaded is honoured for up to three seconds at a time, and for
// no longer than the call had that was refused: calls wait that long before they are sent, or half
// of the time that they have if their deadline is sooner.
//
// Threads: all calls may be made concurrently. It opens at most one watch for each lock, while
// somebody awaits a change of it, and keeps it for half a minute more. (After a restore of the
// server's store, one of before may live beside it until those who wait with it return.)
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "src/kube/api.h"
#include "src/kube/api_error.h"
#include "src/kube/lock_watch.h"
#include "src/kube/record_codec.h"
#include "src/protocol/record_store.h"

namespace monopod::kube {

enum class ObjectKind : std::uint8_t { kConfigMap, kLease };

struct KubeStoreOptions {
  std::shared_ptr<Api> api;
  ObjectKind kind = ObjectKind::kLease;
  std::string namespace_ = "default";
  // List() looks in every namespace, and names locks "NAMESPACE/NAME".
  bool all_namespaces = false;
};

class KubeStore : public protocol::RecordStore {
 public:
  explicit KubeStore(KubeStoreOptions options);
  ~KubeStore() override;

  bool ends_in_time() const override { return true; }

  Result<protocol::Snapshot> Read(const std::string& name, BootTime deadline) override;
  Result<protocol::Written> Write(const std::string& name, const protocol::Version& expected,
                                  const protocol::Record& record, BootTime deadline) override;
  // Objects with the label app.kubernetes.io/managed-by=monopod; those that make no sense, too.
  Result<std::vector<protocol::Listed>> List(BootTime deadline) override;
  Result<void> Remove(const std::string& name, const protocol::Version& expected,
                      BootTime deadline) override;
  void AwaitChange(std::span<const protocol::Seen> seen, BootTime deadline,
                   const std::stop_token& stop) override;
  std::vector<protocol::Listed> AwaitNews(std::span<const protocol::Seen> seen, BootTime deadline,
                                          const std::stop_token& stop) override;

 private:
  struct Kept {
    protocol::Version version;
    std::shared_ptr<const Object> object;
  };

  // The newest resourceVersion of it that the server has told, or 0.
  std::uint64_t NewestTold(const std::string& name);
  // Forgets what the server told of it: its store was set back since.
  void Forget(const std::string& name);

  Call CallOf(std::string_view verb, const std::string& name) const;
  std::string Collection() const;
  std::string PathOf(const std::string& name) const;

  // Sends it once Retry-After of an earlier answer is over.
  Result<Response> Send(const Request& request, BootTime deadline);
  // The object, or null if there is none; keeps it.
  Result<std::shared_ptr<const Object>> Get(const std::string& name, BootTime deadline);
  // The object that a write replaces, or null for a new one.
  Result<std::shared_ptr<const Object>> BaseOf(const std::string& name,
                                               const protocol::Version& expected,
                                               BootTime deadline);
  void Keep(const std::string& name, std::shared_ptr<const Object> object);
  Result<std::vector<protocol::Listed>> ListOnce(BootTime deadline, bool& expired);
  Result<protocol::Listed> ReadKept(const std::shared_ptr<const Object>& object);
  std::shared_ptr<LockWatch> WatchOf(const std::string& lock);

  const KubeStoreOptions options_;
  const std::unique_ptr<const RecordCodec> codec_;

  std::mutex mutex_;
  std::map<std::string, Kept> kept_;  // by name: the last state seen, to write into
  std::map<std::string, std::shared_ptr<LockWatch>> watches_;  // by lock
  BootTime not_before_{};        // no request before this, the server said
  protocol::Token highest_ = 0;  // the highest resourceVersion or token seen
};

}  // namespace monopod::kube
