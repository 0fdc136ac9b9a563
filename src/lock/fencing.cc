#include "monopod/fencing.h"

#include <fmt/format.h>

namespace monopod {
namespace {

Result<void> CheckSlots(int slots) {
  if (slots == 1) return {};
  return Fail(ErrorCode::kInvalidArgument,
              fmt::format("tokens fence only a lock of one slot, not of {}: holders of several "
                          "slots work at the same time, and the lower token is as good as the "
                          "higher one",
                          slots));
}

std::string QuotedName(const std::string& name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

}  // namespace

Result<FencingToken> FencingToken::Make(const Options& options) {
  if (auto checked = CheckSlots(options.slots); !checked) return Fail(checked.error());
  return FencingToken(options.highest);
}

Result<void> FencingToken::Check(Token token) {
  if (token == 0) return Fail(ErrorCode::kInvalidArgument, "no hold has the token 0");
  if (token < highest_) {
    return Fail(ErrorCode::kNotHolder,
                fmt::format("fenced off: the token {} is lower than {}, which a later holder of "
                            "the lock has shown",
                            token, highest_));
  }
  highest_ = token;
  return {};
}

Result<SqlFence> SqlFence::Make(const Options& options) {
  if (auto checked = CheckSlots(options.slots); !checked) return Fail(checked.error());
  if (options.table.empty() || options.table.find('\0') != std::string::npos) {
    return Fail(ErrorCode::kInvalidArgument, "the table of a fence needs a name");
  }
  const std::string table = QuotedName(options.table);
  return SqlFence{
      .create = fmt::format("CREATE TABLE IF NOT EXISTS {} (lock TEXT PRIMARY KEY NOT NULL, token "
                            "INTEGER NOT NULL)",
                            table),
      .check = fmt::format("INSERT INTO {0} (lock, token) VALUES (?1, ?2) ON CONFLICT (lock) DO "
                           "UPDATE SET token = ?2 WHERE {0}.token <= ?2",
                           table)};
}

}  // namespace monopod
