// The layout of a store's database file: its tables, its marks, and how they come to be there.
//
// `PRAGMA application_id` tells that the file is monopod's, `PRAGMA user_version` the layout.
// A file that is anything else is refused and left as it is.
#pragma once

#include <cstdint>

#include "monopod/result.h"
#include "src/store/sqlite_connection.h"

namespace monopod::store {

inline constexpr std::int64_t kApplicationId = 0x6d6f6e6f;  // "mono"
inline constexpr std::int64_t kLayoutVersion = 1;

// Makes the opened file a store, unless it is one: WAL, synchronous=FULL, the tables. Any number
// of processes may do so at once. Blocks until the connection's deadline at most.
//
// Fails with kInvalidArgument (not a database, or another program's), kUnsupported (a newer
// layout), kDenied (read-only) or kUnavailable (busy, disk full, I/O, or no write-ahead log here).
Result<void> EnsureSchema(SqliteConnection& connection);

}  // namespace monopod::store
