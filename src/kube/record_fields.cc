#include "src/kube/record_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "src/base/clock.h"
#include "src/base/hold_kind.h"
#include "src/base/lock_name.h"

namespace monopod::kube {
namespace {

using protocol::Phase;
using protocol::Record;
using std::chrono::milliseconds;

// Longer than any time of a record, and far from where sums overflow.
constexpr std::int64_t kLongestMs = 366LL * 24 * 3600 * 1000;

constexpr std::array<std::pair<Phase, std::string_view>, 4> kPhases{{
    {Phase::kFree, "free"},
    {Phase::kRecovering, "recovering"},
    {Phase::kHeld, "held"},
    {Phase::kRetired, "retired"},
}};

// In the order in which ToFields fills them. `released` is for people: when it became free.
constexpr std::array<std::string_view, 24> kWords{
    "format",      "phase",   "kind",    "holder",    "namespace", "node",
    "instance",    "purpose", "token",   "stamp",     "edit",      "origin",
    "ttl_seconds", "kill_ms", "owed_ms", "credit_ms", "acquired",  "timestamp",
    "released",    "note",    "slots",   "resize_to", "resize_id", "writes"};

std::string NumberOrNothing(std::int64_t number) {
  return number == 0 ? std::string() : std::to_string(number);
}

// "15" or "15.25".
std::string SecondsText(milliseconds time) {
  std::string text = std::to_string(time.count() / 1000);
  if (time.count() % 1000 == 0) return text;
  text += fmt::format(".{:03}", time.count() % 1000);
  while (text.ends_with('0')) text.pop_back();
  return text;
}

std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
  return whole ? std::optional(number) : std::nullopt;
}

std::optional<std::uint64_t> ParseSecondsAsMs(std::string_view text) {
  const std::size_t point = text.find('.');
  const auto seconds = ParseNumber(text.substr(0, point));
  if (!seconds || *seconds > kLongestMs / 1000) return std::nullopt;
  if (point == std::string_view::npos) return *seconds * 1000;
  std::string fraction(text.substr(point + 1));
  if (fraction.empty() || fraction.size() > 3) return std::nullopt;
  fraction.resize(3, '0');
  const auto ms = ParseNumber(fraction);
  return ms ? std::optional(*seconds * 1000 + *ms) : std::nullopt;
}

// Takes the fields one after the other, and remembers the first that makes no sense.
class Reader {
 public:
  Reader(const Fields& fields, const FieldStyle& style, const std::string& where)
      : fields_(fields), style_(style), where_(where) {}

  std::string Text(std::string_view words) const { return TextOf(fields_, style_.Name(words)); }
  std::uint64_t Number(std::string_view words, std::uint64_t highest) {
    return Checked(words, ParseNumber, highest, "a whole number");
  }
  milliseconds Milliseconds(std::string_view words) {
    return milliseconds(Number(words, kLongestMs));
  }
  milliseconds Seconds(std::string_view words) {
    return milliseconds(Checked(words, ParseSecondsAsMs, kLongestMs, "a number of seconds"));
  }
  WallTime Time(std::string_view words) const { return ParseWallTime(Text(words)); }

  void Require(std::string_view words) {
    if (Text(words).empty()) Fault(words, "is missing");
  }
  void Fault(std::string_view words, std::string_view what) {
    if (fault_) return;
    fault_ = Error{ErrorCode::kInvalidArgument,
                   fmt::format("{}: {}{} {}: somebody edited it; repair it, or make sure that "
                               "nobody works under the lock and delete the object",
                               where_, style_.place, style_.Name(words), what)};
  }
  const std::optional<Error>& fault() const { return fault_; }

 private:
  std::uint64_t Checked(std::string_view words,
                        std::optional<std::uint64_t> (*parse)(std::string_view),
                        std::uint64_t highest, std::string_view allowed) {
    const std::string text = Text(words);
    if (text.empty()) return 0;
    const auto number = parse(text);
    if (number && *number <= highest) return *number;
    Fault(words, fmt::format("is \"{}\", not {} up to {}", text, allowed, highest));
    return 0;
  }

  const Fields& fields_;
  const FieldStyle& style_;
  const std::string& where_;
  std::optional<Error> fault_;
};

Phase ReadPhase(Reader& reader) {
  const std::string word = reader.Text("phase");
  const auto at = std::ranges::find(kPhases, word, [](const auto& entry) { return entry.second; });
  if (at != kPhases.end()) return at->first;
  reader.Fault("phase", fmt::format("is \"{}\", not free, recovering, held or retired", word));
  return Phase::kFree;
}

HoldKind ReadKind(Reader& reader) {
  const std::string word = reader.Text("kind");
  if (word.empty()) return HoldKind::kProcess;
  if (const auto kind = ParseHoldKind(word)) return *kind;
  reader.Fault("kind", fmt::format("is \"{}\", not process, detached or sticky", word));
  return HoldKind::kProcess;
}

}  // namespace

std::string FieldStyle::Name(std::string_view words) const {
  std::string name = fmt::format("{}{}", prefix, words);
  std::ranges::replace(name.begin() + static_cast<std::ptrdiff_t>(prefix.size()), name.end(), '_',
                       separator);
  return name;
}

Fields ToFields(const Record& record, const FieldStyle& style, const Fields& before) {
  const bool claimed = IsClaimed(record);
  const auto needed = [&](std::string text) { return claimed && text.empty() ? "0" : text; };
  const auto phase =
      std::ranges::find(kPhases, record.phase, [](const auto& e) { return e.first; });
  const auto writes = ParseNumber(TextOf(before, style.Name("writes")));
  const std::array<std::string, kWords.size()> texts = {
      std::to_string(Record::kFormat),
      std::string(phase->second),
      std::string(HoldKindName(record.kind)),
      record.holder.name,
      record.holder.namespace_,
      record.holder.node,
      record.holder.instance,
      record.holder.purpose,
      record.token == 0 ? std::string() : std::to_string(record.token),
      record.stamp,
      record.edit,
      record.origin,
      needed(record.ttl.count() == 0 ? std::string() : SecondsText(record.ttl)),
      needed(NumberOrNothing(record.kill.count())),
      NumberOrNothing(record.owed_kill.count()),
      NumberOrNothing(record.credit.count()),
      FormatWallTime(record.acquired),
      FormatWallTime(record.renewed),
      record.phase == Phase::kFree ? FormatWallTime(record.renewed) : std::string(),
      record.note,
      NumberOrNothing(record.slots),
      NumberOrNothing(record.resize_to),
      record.resize_id,
      std::to_string(writes.value_or(0) % 1'000'000'000 + 1),
  };
  Fields fields;
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if (!texts.at(i).empty()) fields.emplace(style.Name(kWords.at(i)), texts.at(i));
  }
  return fields;
}

std::vector<std::string> KnownFields(const FieldStyle& style) {
  std::vector<std::string> names;
  for (const std::string_view words : kWords) names.push_back(style.Name(words));
  return names;
}

std::string TextOf(const Fields& fields, std::string_view name) {
  const auto at = fields.find(name);
  return at == fields.end() ? std::string() : at->second;
}

bool HasRecord(const Fields& fields, const FieldStyle& style) {
  return fields.contains(style.Name("format"));
}

Result<Record> FromFields(const Fields& fields, const FieldStyle& style, const std::string& where) {
  Reader reader(fields, style, where);
  const std::uint64_t format = reader.Number("format", std::numeric_limits<std::int32_t>::max());
  if (!reader.fault() && format > Record::kFormat) {
    return Fail(ErrorCode::kUnsupported,
                fmt::format("{} has format {} and this monopod knows formats up to {}; use a newer "
                            "monopod",
                            where, format, Record::kFormat));
  }
  if (format == 0) reader.Fault("format", "is 0");
  Record record{.phase = ReadPhase(reader), .kind = ReadKind(reader)};
  record.holder = {.name = reader.Text("holder"),
                   .namespace_ = reader.Text("namespace"),
                   .node = reader.Text("node"),
                   .instance = reader.Text("instance"),
                   .purpose = reader.Text("purpose")};
  // One below the greatest: a next token must exist.
  record.token = reader.Number("token", std::numeric_limits<std::int64_t>::max() - 1);
  record.stamp = reader.Text("stamp");
  record.edit = reader.Text("edit");
  record.origin = reader.Text("origin");
  if (IsClaimed(record)) {
    // Without them it would look silent for long enough at once.
    reader.Require("ttl_seconds");
    reader.Require("kill_ms");
  }
  record.ttl = reader.Seconds("ttl_seconds");
  record.kill = reader.Milliseconds("kill_ms");
  record.owed_kill = reader.Milliseconds("owed_ms");
  record.credit = reader.Milliseconds("credit_ms");
  record.acquired = reader.Time("acquired");
  record.renewed = reader.Time("timestamp");
  record.note = reader.Text("note");
  record.slots = static_cast<int>(reader.Number("slots", kMaxSlots));
  record.resize_to = static_cast<int>(reader.Number("resize_to", kMaxSlots));
  record.resize_id = reader.Text("resize_id");
  if (reader.fault()) return Fail(*reader.fault());
  return record;
}

void CopyLockFields(const Record& from, Record& to) {
  to.edit = from.edit;
  to.origin = from.origin;
  to.slots = from.slots;
  to.resize_to = from.resize_to;
  to.resize_id = from.resize_id;
}

protocol::Token ForeignToken(const Record& before) { return before.token + 1; }

Result<Fields> FieldsBeside(const Record& record, const FieldStyle& style, const Fields& before,
                            const std::string& where) {
  Record own;
  if (HasRecord(before, style)) {
    auto decoded = FromFields(before, style, where);
    if (!decoded) return Fail(std::move(decoded.error()));
    own = *std::move(decoded);
  }
  CopyLockFields(record, own);
  return ToFields(own, style, before);
}

bool IsOwed(const Record& record) { return !IsClaimed(record) && record.owed_kill.count() > 0; }

bool IsForeign(const Record& record) {
  return record.phase == Phase::kHeld && !record.holder.name.empty() &&
         record.holder.instance.empty();
}

}  // namespace monopod::kube
