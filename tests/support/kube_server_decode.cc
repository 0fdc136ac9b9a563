#include "tests/support/kube_server_decode.h"

#include <cctype>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "tests/support/kube_server_events.h"

namespace monopod::testing::kube_server {
namespace {

enum class Shape : std::uint8_t {
  kAny,
  kString,   // absent if empty
  kPointer,  // to a string: present if empty
  kBoolean,
  kInteger,  // 32 bits
  kTexts,    // a map of strings; absent if empty
  kMicroTime,
  kStruct,
};

struct Field {
  const char* name;
  Shape shape;
  const char* go_struct = "";  // of kStruct
  std::vector<Field> fields = {};
};

const std::vector<Field>& Metadata() {
  static const std::vector<Field> kFields = {{"name", Shape::kString},
                                             {"generateName", Shape::kString},
                                             {"namespace", Shape::kString},
                                             {"selfLink", Shape::kString},
                                             {"uid", Shape::kString},
                                             {"resourceVersion", Shape::kString},
                                             {"generation", Shape::kAny},
                                             {"creationTimestamp", Shape::kAny},
                                             {"deletionTimestamp", Shape::kAny},
                                             {"deletionGracePeriodSeconds", Shape::kAny},
                                             {"labels", Shape::kTexts},
                                             {"annotations", Shape::kTexts},
                                             {"ownerReferences", Shape::kAny},
                                             {"finalizers", Shape::kAny},
                                             {"managedFields", Shape::kAny}};
  return kFields;
}

// The fields of a type beside kind, apiVersion and metadata; none: any.
const std::vector<Field>& FieldsOf(const ResourceType& type) {
  static const std::map<std::string, std::vector<Field>> kKnown = {
      {"ConfigMap",
       {{"immutable", Shape::kBoolean}, {"data", Shape::kTexts}, {"binaryData", Shape::kTexts}}},
      {"Secret",
       {{"immutable", Shape::kBoolean},
        {"data", Shape::kTexts},
        {"stringData", Shape::kTexts},
        {"type", Shape::kString}}},
      {"Lease",
       {{"spec",
         Shape::kStruct,
         "LeaseSpec",
         {{"holderIdentity", Shape::kPointer},
          {"leaseDurationSeconds", Shape::kInteger},
          {"acquireTime", Shape::kMicroTime},
          {"renewTime", Shape::kMicroTime},
          {"leaseTransitions", Shape::kInteger},
          {"strategy", Shape::kPointer},
          {"preferredHolder", Shape::kPointer}}}}},
      {"Event",
       {{"eventTime", Shape::kMicroTime},
        {"series", Shape::kAny},
        {"action", Shape::kString},
        {"reason", Shape::kString},
        {"regarding", Shape::kAny},
        {"related", Shape::kAny},
        {"note", Shape::kString},
        {"type", Shape::kString},
        {"reportingController", Shape::kString},
        {"reportingInstance", Shape::kString},
        {"deprecatedSource", Shape::kAny},
        {"deprecatedFirstTimestamp", Shape::kAny},
        {"deprecatedLastTimestamp", Shape::kAny},
        {"deprecatedCount", Shape::kInteger}}},
      {"CoreEvent",
       {{"eventTime", Shape::kMicroTime},
        {"series", Shape::kAny},
        {"action", Shape::kString},
        {"reason", Shape::kString},
        {"involvedObject", Shape::kAny},
        {"related", Shape::kAny},
        {"message", Shape::kString},
        {"type", Shape::kString},
        {"reportingComponent", Shape::kString},
        {"reportingInstance", Shape::kString},
        {"source", Shape::kAny},
        {"firstTimestamp", Shape::kAny},
        {"lastTimestamp", Shape::kAny},
        {"count", Shape::kInteger}}},
  };
  static const std::vector<Field> kAnyField;
  const bool core_event = type.kind == "Event" && type.group.empty();
  const auto found = kKnown.find(core_event ? "CoreEvent" : type.kind);
  return found == kKnown.end() ? kAnyField : found->second;
}

const char* GoKind(const Json& value) {
  switch (value.type()) {
    case Json::value_t::boolean: return "bool";
    case Json::value_t::string: return "string";
    case Json::value_t::array: return "array";
    case Json::value_t::object: return "object";
    default: return "number";
  }
}

struct Place {
  std::string go_struct;  // "LeaseSpec"
  std::string path;       // "spec"; empty at the top
  std::string Of(const std::string& field) const {
    return path.empty() ? field : path + "." + field;
  }
};

std::string Mismatch(const Json& value, const Place& place, const std::string& go_type) {
  const std::string what =
      value.is_number() && go_type == "int32" ? "number " + value.dump() : GoKind(value);
  return "json: cannot unmarshal " + what + " into Go struct field " + place.go_struct + "." +
         place.path + " of type " + go_type;
}

// Go's time.Parse with the layout of MicroTime; the complaint, if any.
std::optional<std::string> BadMicroTime(const std::string& text) {
  static const struct {
    const char* layout;
    const char* digits;  // 'd' is a digit, anything else itself
  } kElements[] = {{"2006", "dddd"}, {"-", "-"}, {"01", "dd"}, {"-", "-"},
                   {"02", "dd"},     {"T", "T"}, {"15", "dd"}, {":", ":"},
                   {"04", "dd"},     {":", ":"}, {"05", "dd"}, {".000000", ".dddddd"}};
  std::string rest = text;
  const auto complaint = [&](const std::string& layout) {
    return "parsing time \"" + text +
           "\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"" + rest + "\" as \"" +
           layout + "\"";
  };
  for (const auto& element : kElements) {
    const std::string digits = element.digits;
    bool fits = rest.size() >= digits.size();
    for (std::size_t i = 0; fits && i < digits.size(); ++i) {
      fits = digits[i] == 'd' ? std::isdigit(static_cast<unsigned char>(rest[i])) != 0
                              : rest[i] == digits[i];
    }
    if (!fits) return complaint(element.layout);
    rest.erase(0, digits.size());
  }
  const bool offset = rest.size() == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':';
  if (rest != "Z" && !offset) return complaint("Z07:00");
  return std::nullopt;
}

class Decoder {
 public:
  // Takes what `fields` know out of `from`.
  Json Struct(Json& from, const std::vector<Field>& fields, const Place& place) {
    Json to = Json::object();
    for (auto& [name, value] : from.items()) {
      const Field* field = nullptr;
      for (const Field& candidate : fields) {
        if (name == candidate.name) field = &candidate;
      }
      if (field == nullptr) {
        unknown.push_back(place.Of(name));
      } else if (!value.is_null()) {
        Value(value, *field, {.go_struct = place.go_struct, .path = place.Of(name)}, &to);
      }
    }
    return to;
  }

  std::string error;  // the first
  std::vector<std::string> unknown;

 private:
  void Value(Json& value, const Field& field, const Place& place, Json* to) {
    switch (field.shape) {
      case Shape::kAny: break;
      case Shape::kString:
        if (!Expect(value.is_string(), value, place, "string") || value == "") return;
        break;
      case Shape::kPointer:
        if (!Expect(value.is_string(), value, place, "string")) return;
        break;
      case Shape::kBoolean:
        if (!Expect(value.is_boolean(), value, place, "bool")) return;
        break;
      case Shape::kInteger:
        if (!Expect(IsInteger(value), value, place, "int32")) return;
        break;
      case Shape::kTexts:
        if (!Texts(&value, place)) return;
        break;
      case Shape::kMicroTime:
        if (!Expect(value.is_string(), value, place, "string")) return;
        if (const auto bad = BadMicroTime(value.get_ref<const std::string&>())) {
          if (error.empty()) error = *bad;
          return;
        }
        break;
      case Shape::kStruct:
        if (!Expect(value.is_object(), value, place, std::string("v1.") + field.go_struct)) return;
        value = Struct(value, field.fields, {.go_struct = field.go_struct, .path = place.path});
        break;
    }
    (*to)[field.name] = std::move(value);
  }

  // Whether anything is in it.
  bool Texts(Json* value, const Place& place) {
    if (!Expect(value->is_object(), *value, place, "map[string]string")) return false;
    for (auto& [key, text] : value->items()) {
      if (text.is_null()) text = "";
      if (!Expect(text.is_string(), text, place, "string")) return false;
    }
    return !value->empty();
  }

  static bool IsInteger(const Json& value) {
    if (!value.is_number_integer()) return false;
    const auto number = value.get<std::int64_t>();
    return number >= std::numeric_limits<std::int32_t>::min() &&
           number <= std::numeric_limits<std::int32_t>::max();
  }

  bool Expect(bool fits, const Json& value, const Place& place, const std::string& go_type) {
    if (!fits && error.empty()) error = Mismatch(value, place, go_type);
    return fits;
  }
};

std::string GoSyntaxError(const std::string& body, std::size_t position) {
  if (position >= body.size()) return "unexpected end of JSON input";
  std::size_t before = position;
  while (before > 0 && std::isspace(static_cast<unsigned char>(body[before - 1])) != 0) --before;
  const bool key = before > 0 && (body[before - 1] == '{' || body[before - 1] == ',');
  return std::string("invalid character '") + body[position] + "' looking for beginning of " +
         (key ? "object key string" : "value");
}

}  // namespace

Outcome<Json> ParseBody(const ResourceType& type, const std::string& body) {
  try {
    return Json::parse(body);
  } catch (const Json::parse_error& error) {
    // The parser names the last byte it read, counted from 1: it has read a word to its end.
    std::size_t position = error.byte == 0 ? 0 : error.byte - 1;
    while (position > 0 && position < body.size() &&
           std::isalnum(static_cast<unsigned char>(body[position])) != 0 &&
           std::isalnum(static_cast<unsigned char>(body[position - 1])) != 0) {
      --position;
    }
    return Refuse(BadRequest("the object provided is unrecognized (must be of type " + type.kind +
                             "): couldn't get version/kind; json parse error: " +
                             GoSyntaxError(body, position) + " (" + body.substr(0, 1024) + ")"));
  }
}

Outcome<Decoded> Decode(const ResourceType& type, Json body) {
  const auto refuse = [&](const std::string& why) {
    return Refuse(BadRequest(type.kind + " in version \"" + type.version +
                             "\" cannot be handled as a " + type.kind + ": " + why));
  };
  if (!body.is_object()) {
    return refuse(std::string("json: cannot unmarshal ") + GoKind(body) +
                  " into Go value of type v1." + type.kind);
  }
  const std::string kind = body.contains("kind") && body["kind"].is_string() ? body["kind"] : "";
  const std::string version =
      body.contains("apiVersion") && body["apiVersion"].is_string() ? body["apiVersion"] : "";
  if (!version.empty() && version != type.api_version()) {
    return Refuse(BadRequest("the API version in the data (" + version +
                             ") does not match the expected API version (" + type.api_version() +
                             ")"));
  }
  if (!kind.empty() && kind != type.kind) {
    return Refuse(BadRequest(kind + " in version \"" + type.version + "\" cannot be handled as a " +
                             type.kind + ": converting (v1." + kind + ") to (v1." + type.kind +
                             "): unknown conversion"));
  }
  body.erase("kind");
  body.erase("apiVersion");

  Decoder decoder;
  Decoded decoded;
  Json metadata = Json::object();
  if (const auto found = body.find("metadata"); found != body.end()) {
    if (found->is_object()) {
      metadata =
          decoder.Struct(*found, Metadata(), {.go_struct = "ObjectMeta", .path = "metadata"});
    } else if (!found->is_null()) {
      return refuse(
          Mismatch(*found, {.go_struct = type.kind, .path = "metadata"}, "v1.ObjectMeta"));
    }
    body.erase("metadata");
  }
  const std::vector<Field>& fields = FieldsOf(type);
  decoded.object = fields.empty()
                       ? std::move(body)
                       : decoder.Struct(body, fields, {.go_struct = type.kind, .path = ""});
  if (!decoder.error.empty()) return refuse(decoder.error);
  if (IsNewEvent(type)) decoded.object = CoreEvent(decoded.object);
  if (type.kind == "Lease") decoded.object.emplace("spec", Json::object());
  decoded.object["metadata"] = std::move(metadata);
  decoded.unknown = std::move(decoder.unknown);
  return decoded;
}

}  // namespace monopod::testing::kube_server
