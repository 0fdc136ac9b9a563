// Looks at a SQLite store: what was seen, and what is wrong with it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monopod/result.h"
#include "monopod/types.h"
#include "src/doctor/finding.h"
#include "src/protocol/record_store.h"

namespace monopod::doctor {

struct SqliteFacts {
  std::string path;
  WallTime now{};                 // for the age of sticky holds only
  std::string stuck_at;           // what did not end in time; the rest is what was seen before
  std::optional<Error> location;  // the file may not be there, or not be used
  bool exists = false;            // and is not empty
  std::optional<std::int64_t> free_bytes;  // of its file system, for this user
  std::optional<Error> opened;             // it cannot be opened or read
  std::int64_t application_id = 0;
  std::int64_t layout = 0;
  std::string journal_mode;
  std::string damage;           // what SQLite's quick check says; empty: nothing
  std::optional<Error> listed;  // the records cannot be read
  std::vector<protocol::Listed> records = {};
};

// Looks on a thread of its own, and returns after `patience` at the latest: a call to a failing
// disk may never end. Makes no file, and changes nothing in one that is there.
SqliteFacts GatherSqlite(const std::string& path, std::chrono::nanoseconds patience);

// All findings, the worst first. Pure.
Findings CheckSqlite(const SqliteFacts& facts);

}  // namespace monopod::doctor
