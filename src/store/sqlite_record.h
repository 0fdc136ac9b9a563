// A record as a row of the table `locks`.
#pragma once

#include <cstdint>
#include <string>

#include "monopod/result.h"
#include "src/protocol/record.h"
#include "src/store/boot_identity.h"
#include "src/store/sqlite_connection.h"

namespace monopod::store {

struct Row {
  std::string name;
  std::int64_t version = 0;  // 0: there is no such record
  protocol::Record record;
  StampTime stamp;
};

// The refusal of a record that a newer monopod wrote.
Error NewerFormat(const std::string& name, std::int64_t format);

// A row as read, with what the claim of its name carries next.
struct RowRead {
  Row row;
  protocol::Token next_token = 0;
};

// The row called ?1: always one, even where there is no such record.
std::string SelectOneRow();
// Every row there is, by name.
std::string SelectEveryRow();
// What a run of either stands at. Fails with kUnsupported if a newer monopod wrote the row, or
// if it holds what no monopod writes.
Result<RowRead> ReadRow(const SqliteExecution& at);

// Puts a row, as WriteRow binds it. The time of the stamp stays as it is if the stamp does.
std::string PutRow();
Result<void> WriteRow(SqliteStatement& put, const Row& row);

}  // namespace monopod::store
