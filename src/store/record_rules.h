// What the stores of this folder say and decide alike.
#pragma once

#include <fmt/format.h>

#include <string>

#include "monopod/result.h"
#include "src/protocol/record.h"

namespace monopod::store {

// Somebody holds by name, but no instance is recorded: a person or a program that does not know
// monopod wrote the record.
inline bool IsForeign(const protocol::Record& record) {
  return record.phase == protocol::Phase::kHeld && !record.holder.name.empty() &&
         record.holder.instance.empty();
}

// Stands for the stamp that such a writer does not give: it changes when the holder or the time of
// its last renewal does, in whatever way that is written.
inline std::string ForeignStamp(const protocol::Holder& holder, const std::string& renewed) {
  return "foreign " + holder.name + " " + renewed;
}

inline Error Conflict(const std::string& name) {
  return {.code = ErrorCode::kConflict,
          .message = fmt::format("record \"{}\" changed since it was read", name)};
}

inline Error TooLate() {
  return {.code = ErrorCode::kDeadlineExceeded,
          .message = "time ran out before the store was asked"};
}

}  // namespace monopod::store
