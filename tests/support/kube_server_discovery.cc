// What is not an object: the version, health, the list of resources, and reviews of rights.
#include <set>

#include "tests/support/kube_server_managers.h"
#include "tests/support/kube_server_service.h"

namespace monopod::testing::kube_server {
namespace {

constexpr char kVersion[] =
    R"({"major":"1","minor":"36","emulationMajor":"1","emulationMinor":"36",)"
    R"("minCompatibilityMajor":"1","minCompatibilityMinor":"35","gitVersion":"v1.36.2",)"
    R"("gitCommit":"$Format:%H$","gitTreeState":"","buildDate":"1970-01-01T00:00:00Z",)"
    R"("goVersion":"go1.26.10","compiler":"gc","platform":"linux/amd64"})";

std::string Lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// As kubectl's users type them.
Json ShortNames(const ResourceType& type) {
  static const std::map<std::string, std::string> kNames = {
      {"ConfigMap", "cm"}, {"Event", "ev"}, {"Namespace", "ns"}, {"Node", "no"}, {"Pod", "po"}};
  const auto found = kNames.find(type.kind);
  return found == kNames.end() ? Json::array() : Json::array({found->second});
}

Json ResourceList(const std::string& group, const std::string& version) {
  const std::string api_version = group.empty() ? version : group + "/" + version;
  Json resources = Json::array();
  for (const ResourceType& type : ResourceTypes()) {
    if (type.api_version() != api_version) continue;
    Json resource = {{"name", type.plural},
                     {"singularName", Lower(type.kind)},
                     {"namespaced", type.namespaced},
                     {"kind", type.kind},
                     {"shortNames", ShortNames(type)}};
    resource["verbs"] = type.kind == "SelfSubjectAccessReview"
                            ? Json{"create"}
                            : Json{"create", "delete", "deletecollection", "get",
                                   "list",   "patch",  "update",           "watch"};
    resources.push_back(std::move(resource));
  }
  return {{"kind", "APIResourceList"},
          {"apiVersion", "v1"},
          {"groupVersion", api_version},
          {"resources", std::move(resources)}};
}

Json GroupList() {
  std::set<std::string> seen;
  Json groups = Json::array();
  for (const ResourceType& type : ResourceTypes()) {
    if (type.group.empty() || !seen.insert(type.group).second) continue;
    const Json version = {{"groupVersion", type.api_version()}, {"version", type.version}};
    groups.push_back(
        {{"name", type.group}, {"versions", {version}}, {"preferredVersion", version}});
  }
  return {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}};
}

// Nothing if there is no such list.
Json DiscoveryOf(const std::string& path) {
  if (path == "/api") return {{"kind", "APIVersions"}, {"versions", {"v1"}}};
  if (path == "/apis") return GroupList();
  for (const ResourceType& type : ResourceTypes()) {
    const std::string own = (type.group.empty() ? "/api/" : "/apis/") + type.api_version();
    if (path == own) return ResourceList(type.group, type.version);
  }
  return nullptr;
}

}  // namespace

std::optional<Answer> Service::Discovery(const Call& call) const {
  if (call.request.method != "GET") return std::nullopt;
  const std::string& path = call.target.path;
  if (path == "/version") return AnswerOf(200, kVersion);
  if (path == "/healthz" || path == "/livez" || path == "/readyz") {
    return AnswerOf(200, "ok", "text/plain; charset=utf-8");
  }
  if (*call.user == kAnonymous) return std::nullopt;
  const Json discovery = DiscoveryOf(path);
  if (discovery.is_null()) return std::nullopt;
  return AnswerOf(200, discovery.dump());
}

Outcome<Answer> Service::AccessReview(const Call& call) {
  auto body = ReadBody(call);
  if (!body) return Refuse(std::move(body.error()));
  Json review = std::move(body->object);
  const Json spec = review.value("spec", Json::object());
  const Json asked = spec.value("resourceAttributes", Json());
  if (!asked.is_object() && !spec.value("nonResourceAttributes", Json()).is_object()) {
    return Refuse(
        Invalid(*call.target.type, "",
                {{.reason = "FieldValueInvalid",
                  .message = "Invalid value: null: exactly one of nonResourceAttributes or "
                             "resourceAttributes must be specified",
                  .field = "spec.resourceAttributes"}}));
  }
  const bool allowed = asked.is_object()
                           ? access_.Allows(*call.user, {.verb = asked.value("verb", ""),
                                                         .resource = asked.value("resource", ""),
                                                         .name_space = asked.value("namespace", ""),
                                                         .name = asked.value("name", "")})
                           : access_.IsAdmin(*call.user);
  SetManagedFields(*call.target.type, ManagerNow(call.request.user_agent), nullptr, &review);
  review["status"] = {{"allowed", allowed}};
  review["kind"] = call.target.type->kind;
  review["apiVersion"] = call.target.type->api_version();
  return AnswerOf(201, review.dump());
}

}  // namespace monopod::testing::kube_server
