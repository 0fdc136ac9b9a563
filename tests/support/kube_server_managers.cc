#include "tests/support/kube_server_managers.h"

#include <utility>

#include "src/base/clock.h"
#include "tests/support/kube_server_events.h"

namespace monopod::testing::kube_server {
namespace {

bool IsMapOfTexts(const std::string& field) {
  return field == "data" || field == "binaryData" || field == "labels" || field == "annotations" ||
         field == "resourceAttributes" || field == "nonResourceAttributes";
}

bool IsNothing(const Json& value) {
  return value.is_null() || value == "" || (value.is_object() && value.empty());
}

// The fields of `object` in the form of fieldsV1; those with the same value in `same` are left out.
Json Fields(const Json& object, const Json* same, bool is_map) {
  Json fields = Json::object();
  for (const auto& [name, value] : object.items()) {
    const Json* other = nullptr;
    if (same != nullptr && same->is_object() && same->contains(name)) other = &(*same)[name];
    if (other != nullptr && *other == value) continue;
    Json& field = fields["f:" + name] = Json::object();
    if (!is_map && IsMapOfTexts(name) && value.is_object()) {
      field = Fields(value, other, true);
      if (other == nullptr) field["."] = Json::object();
    }
  }
  return fields;
}

Json FieldsOfShown(const Json& object, const Json* same) {
  Json fields = Json::object();
  const auto part = [&](const char* name) -> const Json* {
    return same != nullptr && same->contains(name) ? &(*same)[name] : nullptr;
  };
  for (const auto& [name, value] : object.items()) {
    if (name == "metadata" || name == "status" || IsNothing(value)) continue;
    if (name == "spec") {
      Json spec = Fields(value, part("spec"), false);
      if (!spec.empty()) fields["f:spec"] = std::move(spec);
    } else {
      fields.update(Fields({{name, value}}, same, false));
    }
  }
  Json metadata = Json::object();
  for (const char* name :
       {"labels", "annotations", "generateName", "ownerReferences", "finalizers"}) {
    if (object["metadata"].contains(name)) metadata[name] = object["metadata"][name];
  }
  metadata = Fields(metadata, part("metadata"), false);
  if (!metadata.empty()) fields["f:metadata"] = std::move(metadata);
  return fields;
}

Json FieldsOfObject(const ResourceType& type, const Json& object, const Json* same) {
  if (!IsNewEvent(type)) return FieldsOfShown(object, same);
  const Json shown_same = same == nullptr ? Json() : NewEvent(*same);
  return FieldsOfShown(NewEvent(object), same == nullptr ? nullptr : &shown_same);
}

// What is in `fields` and, at the same place, in `other`.
Json Common(const Json& fields, const Json& other) {
  Json common = Json::object();
  for (const auto& [name, value] : fields.items()) {
    const auto found = other.find(name);
    if (found == other.end()) continue;
    if (value.empty()) {
      common[name] = value;
    } else if (Json part = Common(value, *found); !part.empty()) {
      common[name] = std::move(part);
    }
  }
  return common;
}

// `fields` without what is in `other`.
Json Without(const Json& fields, const Json& other) {
  Json rest = Json::object();
  for (const auto& [name, value] : fields.items()) {
    const auto found = other.find(name);
    if (found == other.end()) {
      rest[name] = value;
    } else if (!value.empty()) {
      if (Json part = Without(value, *found); !part.empty()) rest[name] = std::move(part);
    }
  }
  return rest;
}

}  // namespace

Manager ManagerNow(const std::string& user_agent) {
  const std::string name = user_agent.substr(0, user_agent.find('/'));
  return {.name = name.empty() ? "unknown" : name,
          .time = FormatWallTime(WallNow()).substr(0, 19) + "Z"};
}

void SetManagedFields(const ResourceType& type, const Manager& manager, const Json* old,
                      Json* object) {
  Json& metadata = (*object)["metadata"];
  const Json before =
      old == nullptr ? Json::array() : (*old)["metadata"].value("managedFields", Json::array());
  Json mine = FieldsOfObject(type, *object, nullptr);
  Json entries = Json::array();
  if (before.size() > 1 || (before.size() == 1 && before[0]["manager"] != manager.name)) {
    const Json unchanged = Without(mine, FieldsOfObject(type, *object, old));
    for (const Json& entry : before) {
      if (entry["manager"] == manager.name) continue;
      Json kept = Common(entry["fieldsV1"], unchanged);
      mine = Without(mine, kept);
      if (kept.empty()) continue;
      entries.push_back(entry);
      entries.back()["fieldsV1"] = std::move(kept);
    }
  }
  if (!mine.empty()) {
    entries.push_back({{"manager", manager.name},
                       {"operation", "Update"},
                       {"apiVersion", type.api_version()},
                       {"time", manager.time},
                       {"fieldsType", "FieldsV1"},
                       {"fieldsV1", std::move(mine)}});
  }
  metadata.erase("managedFields");
  if (!entries.empty()) metadata["managedFields"] = std::move(entries);
}

}  // namespace monopod::testing::kube_server
