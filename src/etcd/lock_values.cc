#include "src/etcd/lock_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "src/base/clock.h"
#include "src/base/hold_kind.h"
#include "src/protocol/times.h"

namespace monopod::etcd {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

json HolderJson(const Holder& holder) {
  json value = {{"name", holder.name}};
  if (!holder.namespace_.empty()) value["namespace"] = holder.namespace_;
  if (!holder.node.empty()) value["node"] = holder.node;
  if (!holder.purpose.empty()) value["purpose"] = holder.purpose;
  return value;
}

// Texts that are no UTF-8 are refused before a claim; here they must not throw.
std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

tl::unexpected<Error> NotOurs(const KeyValue& at, std::string_view what) {
  return Fail(
      ErrorCode::kUnsupported,
      fmt::format("the key \"{}\" {}: a newer monopod or somebody else wrote it", at.key, what));
}

// Reads the fields of one object; a field that is missing or of another type has its default.
class Fields {
 public:
  explicit Fields(const json& object) : object_(object) {}

  std::string Text(const char* name) const {
    const auto at = object_.find(name);
    return at != object_.end() && at->is_string() ? at->get<std::string>() : std::string();
  }
  // Within what any hold may have: a sum of what somebody edited must not overflow.
  milliseconds Milliseconds(const char* name) const {
    return std::clamp(milliseconds(Integer(name, 0)), milliseconds(0),
                      milliseconds(protocol::kMaxTtl));
  }
  std::int64_t Integer(const char* name, std::int64_t otherwise) const {
    const auto at = object_.find(name);
    return at != object_.end() && at->is_number_integer() ? at->get<std::int64_t>() : otherwise;
  }
  Holder HolderOf() const {
    const auto at = object_.find("holder");
    if (at == object_.end() || !at->is_object()) return {};
    const Fields holder(*at);
    return {.name = holder.Text("name"),
            .namespace_ = holder.Text("namespace"),
            .node = holder.Text("node"),
            .instance = {},
            .purpose = holder.Text("purpose")};
  }
  HoldKind Kind() const { return ParseHoldKind(Text("kind")).value_or(HoldKind::kProcess); }

 private:
  const json& object_;
};

Result<json> Parse(const KeyValue& at) {
  json value = json::parse(at.value, nullptr, false);
  if (!value.is_object()) return NotOurs(at, "has no value of monopod's");
  const std::int64_t format = Fields(value).Integer("format", 0);
  if (format < 1 || format > kValueFormat) {
    return NotOurs(
        at, fmt::format("has the format {}, and this monopod knows {}", format, kValueFormat));
  }
  return value;
}

std::string_view MemberPhaseName(MemberPhase phase) {
  switch (phase) {
    case MemberPhase::kQueued: return "queued";
    case MemberPhase::kWaiting: return "waiting";
    case MemberPhase::kHeld: return "held";
  }
  return "unknown";
}

// What cannot be read might hold.
MemberPhase ParseMemberPhase(std::string_view word) {
  for (const auto phase : {MemberPhase::kWaiting, MemberPhase::kHeld}) {
    if (MemberPhaseName(phase) == word) return phase;
  }
  return MemberPhase::kQueued;
}

std::string_view MarkerStateName(MarkerState state) {
  switch (state) {
    case MarkerState::kLive: return "live";
    case MarkerState::kLeft: return "left";
    case MarkerState::kOver: return "over";
  }
  return "unknown";
}

// What cannot be read may still work.
MarkerState ParseMarkerState(std::string_view word) {
  for (const auto state : {MarkerState::kLeft, MarkerState::kOver}) {
    if (MarkerStateName(state) == word) return state;
  }
  return MarkerState::kLive;
}

}  // namespace

std::string Encode(const MemberValue& value) {
  return Dump({{"format", kValueFormat},
               {"holder", HolderJson(value.holder)},
               {"kind", HoldKindName(value.kind)},
               {"phase", MemberPhaseName(value.phase)},
               {"ttl_ms", value.ttl.count()},
               {"kill_ms", value.kill.count()},
               {"stamp", value.stamp},
               {"acquired", FormatWallTime(value.acquired)},
               {"renewed", FormatWallTime(value.renewed)}});
}

std::string Encode(const MarkerValue& value) {
  json encoded = {{"format", kValueFormat},
                  {"holder", HolderJson(value.holder)},
                  {"kind", HoldKindName(value.kind)},
                  {"state", MarkerStateName(value.state)},
                  {"slots", value.slots},
                  {"ttl_ms", value.ttl.count()},
                  {"kill_ms", value.kill.count()}};
  if (value.owed.count() > 0) encoded["owed_ms"] = value.owed.count();
  if (value.credit.count() > 0) encoded["credit_ms"] = value.credit.count();
  if (!value.note.empty()) encoded["note"] = value.note;
  return Dump(encoded);
}

std::string Encode(const SlotsValue& value) {
  json encoded = {{"format", kValueFormat}, {"slots", value.slots}};
  if (value.before > 0) encoded["before"] = value.before;
  return Dump(encoded);
}

Result<MemberValue> DecodeMember(const KeyValue& at) {
  const auto parsed = Parse(at);
  if (!parsed) return Fail(parsed.error());
  const Fields fields(*parsed);
  return MemberValue{.holder = fields.HolderOf(),
                     .kind = fields.Kind(),
                     .phase = ParseMemberPhase(fields.Text("phase")),
                     .ttl = fields.Milliseconds("ttl_ms"),
                     .kill = fields.Milliseconds("kill_ms"),
                     .stamp = fields.Text("stamp"),
                     .acquired = ParseWallTime(fields.Text("acquired")),
                     .renewed = ParseWallTime(fields.Text("renewed"))};
}

Result<MarkerValue> DecodeMarker(const KeyValue& at) {
  const auto parsed = Parse(at);
  if (!parsed) return Fail(parsed.error());
  const Fields fields(*parsed);
  return MarkerValue{.state = ParseMarkerState(fields.Text("state")),
                     .slots = static_cast<int>(fields.Integer("slots", 1)),
                     .kind = fields.Kind(),
                     .ttl = fields.Milliseconds("ttl_ms"),
                     .kill = fields.Milliseconds("kill_ms"),
                     .owed = fields.Milliseconds("owed_ms"),
                     .credit = fields.Milliseconds("credit_ms"),
                     .holder = fields.HolderOf(),
                     .note = fields.Text("note")};
}

Result<SlotsValue> DecodeSlots(const KeyValue& at) {
  const auto parsed = Parse(at);
  if (!parsed) return Fail(parsed.error());
  const Fields fields(*parsed);
  return SlotsValue{.slots = static_cast<int>(fields.Integer("slots", 1)),
                    .before = static_cast<int>(fields.Integer("before", 0))};
}

}  // namespace monopod::etcd
