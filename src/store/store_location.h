// Whether a store file may be opened or made at a path, judged before anything is touched.
#pragma once

#include <string>

#include "monopod/result.h"

namespace monopod::store {

struct StoreLocation {
  std::string path;             // absolute or relative to the working directory
  bool create_parents = false;  // make missing directories above it
};

// The absolute path. The file there is missing, or a regular one that this process may read and
// write; its directory exists and is writable, since SQLite keeps two files beside the database;
// the file system is a local one.
//
// Fails with kInvalidArgument (not a file, no such directory, file system) or kDenied (rights,
// read-only). Creates nothing but missing directories, where asked to.
Result<std::string> PrepareLocation(const StoreLocation& location);

}  // namespace monopod::store
