#include "tests/support/kube_server_validation.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "tests/support/kube_server_events.h"

namespace monopod::testing::kube_server {
namespace {

constexpr std::size_t kLargestData = 1024UL * 1024;
constexpr std::size_t kLargestAnnotations = 256UL * 1024;

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return IsLower(c) || (c >= 'A' && c <= 'Z'); }

// [a-z0-9]([-a-z0-9]*[a-z0-9])?
bool IsLabel(std::string_view text) {
  const auto edge = [](char c) { return IsLower(c) || IsDigit(c); };
  return !text.empty() && edge(text.front()) && edge(text.back()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return edge(c) || c == '-'; });
}

bool IsSubdomain(std::string_view text) {
  while (true) {
    const std::size_t dot = text.find('.');
    if (!IsLabel(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

// ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]
bool IsQualifiedPart(std::string_view text) {
  const auto edge = [](char c) { return IsLetter(c) || IsDigit(c); };
  return !text.empty() && edge(text.front()) && edge(text.back()) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return edge(c) || c == '-' || c == '_' || c == '.'; });
}

bool IsConfigKey(std::string_view text) {
  return !text.empty() && text.size() <= 253 && text != "." && text.substr(0, 2) != ".." &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return IsLetter(c) || IsDigit(c) || c == '-' || c == '_' || c == '.';
         });
}

Cause InvalidValue(const std::string& field, const std::string& value, const std::string& why) {
  return {.reason = "FieldValueInvalid",
          .message = "Invalid value: " + Json(value).dump() + ": " + why,
          .field = field};
}
Cause InvalidNumber(const std::string& field, const Json& value, const std::string& why) {
  return {.reason = "FieldValueInvalid",
          .message = "Invalid value: " + value.dump() + ": " + why,
          .field = field};
}
Cause TooLong(const std::string& field, std::size_t limit) {
  return {.reason = "FieldValueTooLong",
          .message = "Too long: may not be more than " + std::to_string(limit) + " bytes",
          .field = field};
}
Cause Required(const std::string& field, const std::string& why = {}) {
  return {.reason = "FieldValueRequired",
          .message = "Required value" + (why.empty() ? "" : ": " + why),
          .field = field};
}
Cause Forbidden(const std::string& field, const std::string& why) {
  return {.reason = "FieldValueForbidden", .message = "Forbidden: " + why, .field = field};
}

void ValidateQualifiedName(const std::string& field, const std::string& key,
                           std::vector<Cause>* causes) {
  const std::size_t slash = key.find('/');
  const std::string part = slash == std::string::npos ? key : key.substr(slash + 1);
  if (slash != std::string::npos && !IsSubdomain(std::string_view(key).substr(0, slash))) {
    causes->push_back(InvalidValue(
        field, key,
        "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
        "characters, '-' or '.', and must start and end with an alphanumeric character (e.g. "
        "'example.com', regex used for validation is "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"));
  }
  if (part.size() > 63) {
    causes->push_back(InvalidValue(field, key, "name part must be no more than 63 bytes"));
  }
  if (!IsQualifiedPart(part)) {
    causes->push_back(InvalidValue(field, key,
                                   "name part must consist of alphanumeric characters, '-', '_' or "
                                   "'.', and must start and end "
                                   "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  "
                                   "or '123-abc', regex used for "
                                   "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"));
  }
}

void ValidateLabels(const Json& labels, std::vector<Cause>* causes) {
  for (const auto& [key, value] : labels.items()) {
    ValidateQualifiedName("metadata.labels", key, causes);
    const std::string text = value.get<std::string>();
    if (text.size() > 63) {
      causes->push_back(InvalidValue("metadata.labels", text, "must be no more than 63 bytes"));
    }
    if (!text.empty() && !IsQualifiedPart(text)) {
      causes->push_back(InvalidValue(
          "metadata.labels", text,
          "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' "
          "or "
          "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
          "'my_value',  or '12345', regex used for validation is "
          "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"));
    }
  }
}

void ValidateMetadata(const Json& object, std::vector<Cause>* causes) {
  const Json& metadata = object["metadata"];
  const std::string name = MetadataText(object, "name");
  if (name.empty()) {
    causes->push_back(Required("metadata.name", "name or generateName is required"));
  } else if (name.size() > 253) {
    causes->push_back(InvalidValue("metadata.name", name, "must be no more than 253 bytes"));
  }
  if (!name.empty() && !IsSubdomain(name)) {
    causes->push_back(InvalidValue(
        "metadata.name", name,
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
        "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex "
        "used "
        "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"));
  }
  if (metadata.contains("labels")) ValidateLabels(metadata["labels"], causes);
  if (!metadata.contains("annotations")) return;
  std::size_t size = 0;
  for (const auto& [key, value] : metadata["annotations"].items()) {
    std::string lower = key;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    ValidateQualifiedName("metadata.annotations", lower, causes);
    size += key.size() + value.get_ref<const std::string&>().size();
  }
  if (size > kLargestAnnotations) {
    causes->push_back(TooLong("metadata.annotations", kLargestAnnotations));
  }
}

void ValidateData(const ResourceType& type, const Json& object, const Json* old,
                  std::vector<Cause>* causes) {
  std::size_t size = 0;
  for (const char* part : {"data", "binaryData"}) {
    if (!object.contains(part)) continue;
    for (const auto& [key, value] : object[part].items()) {
      size += value.get_ref<const std::string&>().size();
      if (IsConfigKey(key)) continue;
      causes->push_back(InvalidValue(
          std::string(part) + "[" + key + "]", key,
          "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
          "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
          "'[-._a-zA-Z0-9]+')"));
    }
  }
  if (size > kLargestData) {
    causes->push_back(TooLong(type.kind == "Secret" ? "data" : "[]", kLargestData));
  }
  if (old == nullptr || !old->value("immutable", false)) return;
  if (!object.value("immutable", false)) {
    causes->push_back(Forbidden("immutable", "field is immutable when `immutable` is set"));
  }
  for (const char* part : {"data", "binaryData"}) {
    if (object.value(part, Json()) != old->value(part, Json())) {
      causes->push_back(Forbidden(part, "field is immutable when `immutable` is set"));
    }
  }
}

void ValidateLease(const Json& object, std::vector<Cause>* causes) {
  const Json& spec = object["spec"];
  if (spec.contains("leaseDurationSeconds") && spec["leaseDurationSeconds"] <= 0) {
    causes->push_back(InvalidNumber("spec.leaseDurationSeconds", spec["leaseDurationSeconds"],
                                    "must be greater than 0"));
  }
  if (spec.contains("leaseTransitions") && spec["leaseTransitions"] < 0) {
    causes->push_back(InvalidNumber("spec.leaseTransitions", spec["leaseTransitions"],
                                    "must be greater than or equal to 0"));
  }
  if (spec.contains("preferredHolder") && !spec.contains("strategy")) {
    causes->push_back(Forbidden("spec.preferredHolder", "may only be set if spec.strategy is set"));
  }
}

// Only the new form has duties.
void ValidateEvent(const Json& event, std::vector<Cause>* causes) {
  const auto text = [&](const char* field) {
    return event.contains(field) && event[field].is_string() ? event[field].get<std::string>() : "";
  };
  if (text("eventTime").empty()) causes->push_back(Required("eventTime"));
  if (text("reportingComponent").empty()) causes->push_back(Required("reportingController"));
  if (text("reportingInstance").empty()) causes->push_back(Required("reportingInstance"));
  for (const char* field : {"action", "reason"}) {
    if (text(field).empty()) causes->push_back(Required(field));
    if (text(field).size() > 128)
      causes->push_back(InvalidValue(field, "", "can have at most 128 characters"));
  }
  if (text("reportingInstance").size() > 128) {
    causes->push_back(InvalidValue("reportingInstance", "", "can have at most 128 characters"));
  }
  if (text("message").size() > 1024) {
    causes->push_back(InvalidValue("message", "", "can have at most 1024 characters"));
  }
  if (text("type") != "Normal" && text("type") != "Warning") {
    causes->push_back(InvalidValue("type", "", "has invalid value: " + text("type")));
  }
  const std::string regarding = event["involvedObject"].value("namespace", "");
  const std::string own = MetadataText(event, "namespace");
  if (regarding.empty() ? own != "default" && own != "kube-system" : regarding != own) {
    causes->push_back(
        InvalidValue("involvedObject.namespace", regarding, "does not match event.namespace"));
  }
}

}  // namespace

std::vector<Cause> Validate(const ResourceType& type, const Json& object, const Json* old) {
  std::vector<Cause> causes;
  ValidateMetadata(object, &causes);
  if (type.kind == "ConfigMap" || type.kind == "Secret") ValidateData(type, object, old, &causes);
  if (type.kind == "Lease") ValidateLease(object, &causes);
  if (IsNewEvent(type) && old == nullptr) ValidateEvent(object, &causes);
  return causes;
}

std::string MetadataText(const Json& object, const char* field) {
  const Json& metadata = object["metadata"];
  const auto found = metadata.find(field);
  return found != metadata.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace monopod::testing::kube_server
