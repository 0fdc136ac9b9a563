// Whether the files of a store are still the ones that were opened.
//
// A file that was deleted or replaced goes on working for whoever has it open, while newcomers
// use another one: two worlds, each with a holder of its own.
#pragma once

#include <sys/types.h>

#include <array>
#include <string>

#include "monopod/result.h"

namespace monopod::store {

// The database and the two files that SQLite keeps beside it. As long as a connection is open,
// SQLite neither removes nor makes any of the three anew.
struct StorePaths {
  std::string database;  // as given by the user, absolute: a link there may be redirected
  std::string wal;
  std::string shared_memory;
};

class StoreFiles {
 public:
  // The files that stand there now. Call it while a connection has them open, so that no inode
  // number can be used again. Fails with kStoreReplaced if one is missing.
  static Result<StoreFiles> Capture(StorePaths paths);

  // Fails with kStoreReplaced if a path no longer leads to its captured file.
  Result<void> CheckSame() const;

  const StorePaths& paths() const { return paths_; }

 private:
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(const Identity&) const = default;
  };
  using Identities = std::array<Identity, 3>;

  explicit StoreFiles(StorePaths paths) : paths_(std::move(paths)) {}
  Result<Identities> Look() const;

  StorePaths paths_;
  Identities opened_{};
};

}  // namespace monopod::store
