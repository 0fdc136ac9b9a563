#include "src/store/sqlite_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>
#include <string_view>
#include <utility>

#include "src/base/clock.h"
#include "src/base/hold_kind.h"
#include "src/store/record_rules.h"

namespace monopod::store {
namespace {

using protocol::Phase;
using protocol::Record;
using std::chrono::milliseconds;

constexpr std::array<std::pair<Phase, std::string_view>, 4> kPhases{{
    {Phase::kFree, "free"},
    {Phase::kRecovering, "recovering"},
    {Phase::kHeld, "held"},
    {Phase::kRetired, "retired"},
}};
std::string_view WordOf(Phase phase) {
  const auto at = std::ranges::find(kPhases, phase, [](const auto& entry) { return entry.first; });
  return at == kPhases.end() ? std::string_view() : at->second;
}

std::optional<Phase> ParsePhase(std::string_view word) {
  const auto at = std::ranges::find(kPhases, word, [](const auto& entry) { return entry.second; });
  return at == kPhases.end() ? std::optional<Phase>() : at->first;
}

// Reads the columns of a row one after the other.
class Columns {
 public:
  explicit Columns(const SqliteExecution& at) : at_(at) {}
  bool NextIsNull() const { return at_.IsNull(next_); }
  std::string Text() { return at_.Text(next_++); }
  std::int64_t Integer() { return at_.Integer(next_++); }
  milliseconds Milliseconds() { return milliseconds(Integer()); }
  WallTime Time() { return ParseWallTime(Text()); }

 private:
  const SqliteExecution& at_;
  int next_ = 0;
};

// In the order that ReadRow takes them.
constexpr std::string_view kColumns =
    "l.name, t.last, l.format, l.version, l.phase, l.kind, l.holder, l.namespace, l.node, "
    "l.instance, l.purpose, l.token, l.stamp, l.edit, l.origin, l.ttl_ms, l.kill_ms, "
    "l.owed_kill_ms, l.credit_ms, l.acquired, l.renewed, l.note, l.slots, l.resize_to, "
    "l.resize_id, l.stamp_boot, l.stamp_machine, l.stamp_boottime_ns";

protocol::Token NextToken(const Record& record, std::int64_t last) {
  return std::max(record.token, static_cast<protocol::Token>(last)) + 1;
}

}  // namespace

Error NewerFormat(const std::string& name, std::int64_t format) {
  return {.code = ErrorCode::kUnsupported,
          .message = fmt::format("record \"{}\" has format {} and this monopod knows formats up to "
                                 "{}; use a newer monopod",
                                 name, format, Record::kFormat)};
}

std::string SelectOneRow() {
  return fmt::format(
      "SELECT {} FROM (SELECT ?1 AS name) n LEFT JOIN locks l ON l.name = n.name "
      "LEFT JOIN tokens t ON t.name = n.name",
      kColumns);
}

std::string SelectEveryRow() {
  return fmt::format("SELECT {} FROM locks l LEFT JOIN tokens t ON t.name = l.name ORDER BY l.name",
                     kColumns);
}

std::string PutRow() {
  return R"sql(
INSERT INTO locks (name, format, version, phase, kind, holder, namespace, node,
  instance, purpose, token, stamp, edit, origin, ttl_ms, kill_ms, owed_kill_ms,
  credit_ms, acquired, renewed, note, slots, resize_to, resize_id,
  stamp_boot, stamp_machine, stamp_boottime_ns)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
  ?21, ?22, ?23, ?24, ?25, ?26, ?27)
ON CONFLICT (name) DO UPDATE SET format = excluded.format, version = excluded.version,
  phase = excluded.phase, kind = excluded.kind, holder = excluded.holder,
  namespace = excluded.namespace, node = excluded.node, instance = excluded.instance,
  purpose = excluded.purpose, token = excluded.token, stamp = excluded.stamp,
  edit = excluded.edit, origin = excluded.origin, ttl_ms = excluded.ttl_ms,
  kill_ms = excluded.kill_ms, owed_kill_ms = excluded.owed_kill_ms,
  credit_ms = excluded.credit_ms, acquired = excluded.acquired, renewed = excluded.renewed,
  note = excluded.note, slots = excluded.slots, resize_to = excluded.resize_to,
  resize_id = excluded.resize_id,
  stamp_boot = iif(stamp = excluded.stamp, stamp_boot, excluded.stamp_boot),
  stamp_machine = iif(stamp = excluded.stamp, stamp_machine, excluded.stamp_machine),
  stamp_boottime_ns = iif(stamp = excluded.stamp, stamp_boottime_ns, excluded.stamp_boottime_ns)
)sql";
}

Result<RowRead> ReadRow(const SqliteExecution& at) {
  Columns columns(at);
  Row row;
  row.name = columns.Text();
  const std::int64_t last_token = columns.Integer();
  if (columns.NextIsNull()) {
    return RowRead{.row = row, .next_token = NextToken(row.record, last_token)};
  }
  if (const std::int64_t format = columns.Integer(); format > Record::kFormat) {
    return Fail(NewerFormat(row.name, format));
  }
  row.version = columns.Integer();
  const std::string phase_word = columns.Text();
  const auto phase = ParsePhase(phase_word);
  const std::string kind_word = columns.Text();
  const auto kind = ParseHoldKind(kind_word);
  if (!phase || !kind) {
    return Fail(ErrorCode::kUnsupported,
                fmt::format("record \"{}\" has the phase \"{}\" and the kind \"{}\", which this "
                            "monopod does not know; repair the row",
                            row.name, phase_word, kind_word));
  }
  Record& record = row.record;
  record.phase = *phase;
  record.kind = *kind;
  record.holder = {.name = columns.Text(),
                   .namespace_ = columns.Text(),
                   .node = columns.Text(),
                   .instance = columns.Text(),
                   .purpose = columns.Text()};
  record.token = static_cast<protocol::Token>(columns.Integer());
  record.stamp = columns.Text();
  record.edit = columns.Text();
  record.origin = columns.Text();
  record.ttl = columns.Milliseconds();
  record.kill = columns.Milliseconds();
  record.owed_kill = columns.Milliseconds();
  record.credit = columns.Milliseconds();
  record.acquired = columns.Time();
  const std::string renewed = columns.Text();
  record.renewed = ParseWallTime(renewed);
  record.note = columns.Text();
  record.slots = static_cast<int>(columns.Integer());
  record.resize_to = static_cast<int>(columns.Integer());
  record.resize_id = columns.Text();
  row.stamp = {.clock = columns.Text(),
               .machine = columns.Text(),
               .written = BootTime(std::chrono::nanoseconds(columns.Integer()))};
  record.foreign = IsForeign(record);
  if (record.foreign) record.stamp = ForeignStamp(record.holder, renewed);
  const protocol::Token next_token = NextToken(record, last_token);
  return RowRead{.row = std::move(row), .next_token = next_token};
}

Result<void> WriteRow(SqliteStatement& put, const Row& row) {
  const Record& record = row.record;
  return SqliteExecution(
             put, row.name, Record::kFormat, row.version, WordOf(record.phase),
             HoldKindName(record.kind), record.holder.name, record.holder.namespace_,
             record.holder.node, record.holder.instance, record.holder.purpose,
             static_cast<std::int64_t>(record.token), record.stamp, record.edit, record.origin,
             record.ttl.count(), record.kill.count(), record.owed_kill.count(),
             record.credit.count(), FormatWallTime(record.acquired), FormatWallTime(record.renewed),
             record.note, record.slots, record.resize_to, record.resize_id, row.stamp.clock,
             row.stamp.machine, row.stamp.written.time_since_epoch().count())
      .Finish();
}

}  // namespace monopod::store
