// The table of stores: which URLs this build understands, and what opens them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "monopod/result.h"
#include "src/lock/backend.h"

namespace monopod::lock {

struct StoreUrl {
  enum class Kind : std::uint8_t { kMemory, kSqlite };
  Kind kind = Kind::kMemory;
  std::string path;         // SQLite
  bool is_default = false;  // not asked for by the user: its folders may be made
  std::string ToString() const;
};

// Fails with kInvalidArgument for what this build does not have, and lists what it has. An empty
// `text` means the default of this machine: in a pod (KUBERNETES_SERVICE_HOST is set) a shared
// store, never a local file; else SQLite in /var/lib/monopod for root, and under $XDG_STATE_HOME or
// ~/.local/state for others. Reads the environment.
Result<StoreUrl> ParseStoreUrl(std::string_view text);

struct OpenedStore {
  std::shared_ptr<Backend> backend;
  std::string url;
  std::string scope;    // "this machine only"
  bool shared = false;  // other machines see it, too
};

// Opens, and for SQLite creates, the store. Blocks for at most `timeout`, or ten seconds.
Result<OpenedStore> OpenStore(const StoreUrl& url, std::chrono::nanoseconds timeout);

}  // namespace monopod::lock
