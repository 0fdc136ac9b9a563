// The table of stores: which URLs this build understands, and what opens them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "monopod/result.h"
#include "src/lock/backend.h"
#include "src/protocol/times.h"

namespace monopod::lock {

struct StoreUrl {
  enum class Kind : std::uint8_t { kMemory, kSqlite, kEtcd, kLease, kConfigMap };
  Kind kind = Kind::kMemory;
  std::string path;  // of SQLite; the whole URL of etcd; the namespace in Kubernetes, or nothing
  bool is_default = false;  // not asked for by the user: its folders may be made
  std::string ToString() const;
  // What it allows of the times of a hold.
  protocol::TimesLimits limits() const {
    return kind == Kind::kLease ? protocol::kLeaseLimits : protocol::TimesLimits{};
  }
  // Other machines see it, too.
  bool shared() const { return kind != Kind::kMemory && kind != Kind::kSqlite; }
};

// Fails with kInvalidArgument for what this build does not have, and lists what it has. An empty
// `text` means the default of this machine: in a pod (KUBERNETES_SERVICE_HOST is set) its Leases,
// never a local file; else SQLite in /var/lib/monopod for root, and under $XDG_STATE_HOME or
// ~/.local/state for others. Reads the environment.
Result<StoreUrl> ParseStoreUrl(std::string_view text);

struct OpenedStore {
  std::shared_ptr<Backend> backend;
  std::string url;
  std::string scope;  // "this machine only"
  protocol::TimesLimits limits = {};
};

// Opens, and for SQLite creates, the store; of others only the files that the options name are
// read, and nobody is contacted. Blocks for at most the options' store_timeout, or ten seconds.
Result<OpenedStore> OpenStore(const StoreUrl& url, const ClientOptions& options);

}  // namespace monopod::lock
