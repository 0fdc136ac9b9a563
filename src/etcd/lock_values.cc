#include "src/etcd/lock_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>
#include <vector>

#include "src/base/clock.h"
#include "src/base/hold_kind.h"
#include "src/protocol/times.h"

namespace monopod::etcd {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

// The text of one object, written field by field: to build a tree of values first costs several
// times as much.
class ObjectText {
 public:
  ObjectText() { text_.reserve(256); }

  ObjectText& Add(std::string_view name, std::string_view text) {
    Name(name);
    const bool plain = std::ranges::all_of(
        text, [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
    if (plain) {
      text_ += '"';
      text_ += text;
      text_ += '"';
    } else {
      // Texts that are no UTF-8 are refused before a claim; here they must not throw.
      text_ += json(text).dump(-1, ' ', false, json::error_handler_t::replace);
    }
    return *this;
  }
  ObjectText& Add(std::string_view name, std::int64_t number) {
    Name(name);
    const fmt::format_int digits(number);
    text_.append(digits.data(), digits.size());
    return *this;
  }
  ObjectText& Add(std::string_view name, milliseconds time) { return Add(name, time.count()); }
  ObjectText& Add(std::string_view name, const Holder& holder) {
    ObjectText object;
    object.Add("name", holder.name);
    object.AddUnlessEmpty("namespace", holder.namespace_);
    object.AddUnlessEmpty("node", holder.node);
    object.AddUnlessEmpty("purpose", holder.purpose);
    Name(name);
    text_ += object.Text();
    return *this;
  }
  ObjectText& AddUnlessEmpty(std::string_view name, std::string_view text) {
    return text.empty() ? *this : Add(name, text);
  }
  template <class Number>
  ObjectText& AddIfPositive(std::string_view name, Number number) {
    return number > Number(0) ? Add(name, number) : *this;
  }
  // Once.
  std::string Text() { return std::move(text_ += '}'); }

 private:
  void Name(std::string_view name) {
    text_ += text_.empty() ? "{\"" : ",\"";
    text_ += name;
    text_ += "\":";
  }
  std::string text_;
};

tl::unexpected<Error> NotOurs(const KeyValue& at, std::string_view what) {
  return Fail(
      ErrorCode::kUnsupported,
      fmt::format("the key \"{}\" {}: a newer monopod or somebody else wrote it", at.key, what));
}

// Reads the fields of one object, and of the holder within it; a field that is missing or of
// another type has its default. The parser tells it of each: no tree of values here either.
class Fields {
 public:
  Fields() { fields_.reserve(16); }

  // False: not the text of one object.
  bool Read(const std::string& text) { return json::sax_parse(text, this) && is_object_; }

  std::string Text(std::string_view name, bool of_holder = false) const {
    const auto* text = std::get_if<std::string>(Find(name, of_holder));
    return text == nullptr ? std::string() : *text;
  }
  // Within what any hold may have: a sum of what somebody edited must not overflow.
  milliseconds Milliseconds(std::string_view name) const {
    return std::clamp(milliseconds(Integer(name, 0)), milliseconds(0),
                      milliseconds(protocol::kMaxTtl));
  }
  std::int64_t Integer(std::string_view name, std::int64_t otherwise) const {
    const auto* number = std::get_if<std::int64_t>(Find(name, false));
    return number == nullptr ? otherwise : *number;
  }
  Holder HolderOf() const {
    return {.name = Text("name", true),
            .namespace_ = Text("namespace", true),
            .node = Text("node", true),
            .instance = {},
            .purpose = Text("purpose", true)};
  }
  HoldKind Kind() const { return ParseHoldKind(Text("kind")).value_or(HoldKind::kProcess); }

  // NOLINTBEGIN(readability-identifier-naming): the parser's names
  bool start_object(std::size_t /*size*/) {
    is_object_ = is_object_ || depth_ == 0;
    in_holder_ = in_holder_ || (depth_ == 1 && name_ == "holder");
    return Enter();
  }
  bool start_array(std::size_t /*size*/) { return Enter(); }
  bool end_object() { return Leave(); }
  bool end_array() { return Leave(); }
  bool key(std::string& name) {
    name_ = name;
    return true;
  }
  bool string(std::string& text) { return Keep(text); }
  bool number_integer(std::int64_t number) { return Keep(number); }
  bool number_unsigned(std::uint64_t number) { return Keep(static_cast<std::int64_t>(number)); }
  static bool number_float(double /*number*/, const std::string& /*text*/) { return true; }
  static bool boolean(bool /*value*/) { return true; }
  static bool null() { return true; }
  static bool binary(json::binary_t& /*value*/) { return true; }
  static bool parse_error(std::size_t /*at*/, const std::string& /*token*/,
                          const json::exception& /*error*/) {
    return false;
  }
  // NOLINTEND(readability-identifier-naming)

 private:
  using Value = std::variant<std::string, std::int64_t>;
  struct Field {
    std::string name;
    bool of_holder = false;
    Value value;
  };

  bool Enter() {
    ++depth_;
    return true;
  }
  bool Leave() {
    --depth_;
    in_holder_ = in_holder_ && depth_ > 1;
    return true;
  }
  bool Keep(Value value) {
    if (depth_ == (in_holder_ ? 2 : 1)) fields_.push_back({name_, in_holder_, std::move(value)});
    return true;
  }
  const Value* Find(std::string_view name, bool of_holder) const {
    const auto last = std::find_if(fields_.rbegin(), fields_.rend(), [&](const Field& field) {
      return field.of_holder == of_holder && field.name == name;
    });
    return last == fields_.rend() ? nullptr : &last->value;
  }

  std::vector<Field> fields_;
  std::string name_;  // of what comes next
  int depth_ = 0;
  bool is_object_ = false;
  bool in_holder_ = false;
};

Result<Fields> Parse(const KeyValue& at) {
  Fields fields;
  if (!fields.Read(at.value)) return NotOurs(at, "has no value of monopod's");
  const std::int64_t format = fields.Integer("format", 0);
  if (format < 1 || format > kValueFormat) {
    return NotOurs(
        at, fmt::format("has the format {}, and this monopod knows {}", format, kValueFormat));
  }
  return fields;
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

// The fields are in alphabetical order.
std::string Encode(const MemberValue& value) {
  return ObjectText()
      .Add("acquired", FormatWallTime(value.acquired))
      .Add("format", kValueFormat)
      .Add("holder", value.holder)
      .Add("kill_ms", value.kill)
      .Add("kind", HoldKindName(value.kind))
      .Add("phase", MemberPhaseName(value.phase))
      .Add("renewed", FormatWallTime(value.renewed))
      .Add("stamp", value.stamp)
      .Add("ttl_ms", value.ttl)
      .Text();
}

std::string Encode(const MarkerValue& value) {
  return ObjectText()
      .AddIfPositive("credit_ms", value.credit)
      .Add("format", kValueFormat)
      .Add("holder", value.holder)
      .Add("kill_ms", value.kill)
      .Add("kind", HoldKindName(value.kind))
      .AddUnlessEmpty("note", value.note)
      .AddIfPositive("owed_ms", value.owed)
      .Add("slots", value.slots)
      .Add("state", MarkerStateName(value.state))
      .Add("ttl_ms", value.ttl)
      .Text();
}

std::string Encode(const SlotsValue& value) {
  return ObjectText()
      .AddIfPositive("before", value.before)
      .Add("format", kValueFormat)
      .Add("slots", value.slots)
      .Text();
}

Result<MemberValue> DecodeMember(const KeyValue& at) {
  const auto parsed = Parse(at);
  if (!parsed) return Fail(parsed.error());
  const Fields& fields = *parsed;
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
  const Fields& fields = *parsed;
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
  const Fields& fields = *parsed;
  return SlotsValue{.slots = static_cast<int>(fields.Integer("slots", 1)),
                    .before = static_cast<int>(fields.Integer("before", 0))};
}

}  // namespace monopod::etcd
