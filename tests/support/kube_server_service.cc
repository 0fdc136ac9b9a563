#include "tests/support/kube_server_service.h"

#include <algorithm>
#include <cstddef>

#include <fmt/core.h>

#include "tests/support/kube_server_base64.h"
#include "tests/support/kube_server_managers.h"
#include "tests/support/kube_server_validation.h"

namespace monopod::testing::kube_server {
namespace {

// The media type without parameters.
std::string MediaType(const std::string& content_type) {
  return content_type.substr(0, content_type.find_first_of("; "));
}

// What a user does not set by hand.
void DropManaged(Json* object) {
  Json& metadata = (*object)["metadata"];
  for (const char* field : {"managedFields", "resourceVersion", "selfLink", "uid",
                            "creationTimestamp", "generation", "deletionTimestamp"}) {
    metadata.erase(field);
  }
}

bool SameButForManagers(const Json& one, const Json& other) {
  const auto metadata_size = [](const Json& metadata) {
    return metadata.size() - metadata.count("managedFields") - metadata.count("resourceVersion");
  };
  if (one.size() != other.size() ||
      metadata_size(one["metadata"]) != metadata_size(other["metadata"])) {
    return false;
  }
  for (const auto& [name, value] : one.items()) {
    if (name != "metadata" && (!other.contains(name) || other[name] != value)) return false;
  }
  for (const auto& [name, value] : one["metadata"].items()) {
    if (name == "managedFields" || name == "resourceVersion") continue;
    const auto found = other["metadata"].find(name);
    if (found == other["metadata"].end() || *found != value) return false;
  }
  return true;
}

// Fields that a real server fills in.
void SetDefaults(const ResourceType& type, Json* object) {
  if (type.kind == "Secret") {
    object->emplace("type", "Opaque");
    if (object->contains("stringData")) {
      for (const auto& [key, value] : (*object)["stringData"].items()) {
        (*object)["data"][key] = Base64(value.get<std::string>());
      }
      object->erase("stringData");
    }
  }
  if (type.kind == "Namespace") {
    (*object)["metadata"]["labels"]["kubernetes.io/metadata.name"] = MetadataText(*object, "name");
    (*object)["status"]["phase"] = "Active";
  }
}

Failure WrongUid(const Target& target, const std::string& wanted, const std::string& found) {
  return Conflict(*target.type, target.name,
                  fmt::format("StorageError: invalid object, Code: 4, Key: /registry/{}/{}, "
                              "ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in "
                              "precondition: {}, UID in object meta: {}",
                              target.type->plural, target.Key(), wanted, found));
}

Failure Mismatch(const ResourceType& type, const std::string& name, const std::string& why) {
  Json details = {{"name", name}, {"kind", type.kind}};
  if (!type.group.empty()) details["group"] = type.group;
  return MakeFailure(409,
                     {"Conflict", "Operation cannot be fulfilled on " + type.qualified_kind() +
                                      " \"" + name + "\": " + why},
                     details);
}

std::optional<Failure> BrokenPrecondition(const Target& target, const Json& options,
                                          const Stored& stored) {
  const auto found = options.is_object() ? options.find("preconditions") : options.end();
  if (!options.is_object() || found == options.end() || !found->is_object()) return std::nullopt;
  const std::string uid = found->value("uid", "");
  const std::string version = found->value("resourceVersion", "");
  const std::string actual_uid = MetadataText(stored.object, "uid");
  if (!uid.empty() && uid != actual_uid) {
    return Mismatch(*target.type, target.name,
                    "the UID in the precondition (" + uid + ") does not match the UID in record (" +
                        actual_uid + "). The object might have been deleted and then recreated");
  }
  if (!version.empty() && version != std::to_string(stored.version)) {
    return Mismatch(*target.type, target.name,
                    "the ResourceVersion in the precondition (" + version +
                        ") does not match the ResourceVersion in record (" +
                        std::to_string(stored.version) + "). The object might have been modified");
  }
  return std::nullopt;
}

}  // namespace

Answer AnswerOf(int status, std::string body, std::string content_type) {
  return {.status = status,
          .content_type = std::move(content_type),
          .body = std::make_shared<const std::string>(std::move(body))};
}

Answer AnswerOf(const Failure& failure) {
  Answer answer = AnswerOf(failure.code, failure.status.dump());
  const Json details = failure.status.value("details", Json::object());
  if (details.contains("retryAfterSeconds")) {
    answer.headers.emplace_back("Retry-After", details["retryAfterSeconds"].dump());
  }
  return answer;
}

void Describe(const Target& target, KubeRequest* request) {
  std::string& verb = request->verb;
  if (target.type == nullptr) {
    verb = request->method;
    std::transform(verb.begin(), verb.end(), verb.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return;
  }
  request->resource = target.type->plural;
  request->name_space = target.name_space;
  request->name = target.name;
  const bool one = !target.name.empty();
  if (request->method == "GET") verb = one ? "get" : target.IsSet("watch") ? "watch" : "list";
  if (request->method == "POST") verb = "create";
  if (request->method == "PUT") verb = "update";
  if (request->method == "PATCH") verb = "patch";
  if (request->method == "DELETE") verb = one ? "delete" : "deletecollection";
  if (one) return;
  if (const auto selector = Selector::Of(target)) request->name = selector->name();
}

Handled Service::Handle(Call* call) {
  if (!call->user) return AnswerOf(Unauthorized());
  if (call->target.type == nullptr) {
    if (auto answer = Discovery(*call)) return std::move(*answer);
    if (!access_.IsAdmin(*call->user)) {
      return AnswerOf(ForbiddenPath(*call->user, call->request.verb, call->target.path));
    }
    return AnswerOf(404, "404 page not found\n", "text/plain; charset=utf-8");
  }
  return HandleResource(call);
}

Handled Service::HandleResource(Call* call) {
  if (const auto denied = Denied(*call, call->request.verb)) return AnswerOf(*denied);
  const Target& target = call->target;
  if (target.subresource) return AnswerOf(404, "404 page not found\n", "text/plain; charset=utf-8");
  if (target.type->kind == "SelfSubjectAccessReview") {
    const auto answer =
        call->request.verb == "create" ? AccessReview(*call) : Refuse(MethodNotAllowed());
    return answer ? *answer : AnswerOf(answer.error());
  }
  if (call->request.verb == "get") return Get(call);
  if (call->request.verb == "list") return List(call);
  if (call->request.verb == "watch") return Watch(call);
  Outcome<Answer> answer = Dispatch(call);
  return answer ? std::move(*answer) : AnswerOf(answer.error());
}

Outcome<Answer> Service::Dispatch(Call* call) {
  const Target& target = call->target;
  const std::string& verb = call->request.verb;
  // Only lists span namespaces.
  const bool placed = !target.type->namespaced || !target.name_space.empty();
  if (verb == "create" && placed && target.name.empty()) return Create(*call);
  if (verb == "deletecollection" && placed) return DeleteCollection(*call);
  if (target.name.empty() || !placed) return Refuse(MethodNotAllowed());
  if (verb == "update") return Update(*call);
  if (verb == "patch") return Patch(*call);
  if (verb == "delete") return Delete(*call);
  return Refuse(MethodNotAllowed());
}

std::optional<Failure> Service::Denied(const Call& call, const std::string& verb) const {
  const Target& target = call.target;
  Attributes attributes{.verb = verb,
                        .type = target.type,
                        .resource = target.type->plural,
                        .name_space = target.name_space,
                        .name = call.request.name};
  if (target.type->kind == "Namespace") attributes.name_space = target.name;
  if (access_.Allows(*call.user, attributes)) return std::nullopt;
  return Forbidden(*call.user, attributes);
}

std::optional<Failure> Service::MissingNamespace(const Target& target) const {
  if (!target.type->namespaced) return std::nullopt;
  const ResourceType& type = NamespaceType();
  if (store_.All(type).contains(target.name_space)) return std::nullopt;
  return NotFound(type, target.name_space);
}

Outcome<Service::Body> Service::ReadBody(const Call& call) const {
  const std::string media = MediaType(call.content_type);
  if (!media.empty() && media != "application/json") {
    return Refuse(UnsupportedMediaType(
        "application/json, application/yaml, application/vnd.kubernetes.protobuf"));
  }
  auto json = ParseBody(*call.target.type, call.request.body);
  if (!json) return Refuse(std::move(json.error()));
  return ReadBody(call, std::move(*json));
}

Outcome<Service::Body> Service::ReadBody(const Call& call, Json json) const {
  const ResourceType& type = *call.target.type;
  auto decoded = Decode(type, std::move(json));
  if (!decoded) return Refuse(std::move(decoded.error()));
  Body body{.object = std::move(decoded->object), .warnings = {}};
  const std::string* validation = call.target.Query("fieldValidation");
  const std::string mode = validation == nullptr ? "Warn" : *validation;
  std::string strict;
  for (const std::string& field : decoded->unknown) {
    const std::string text = "unknown field \"" + field + "\"";
    strict += (strict.empty() ? "" : ", ") + text;
    if (mode == "Warn") body.warnings.push_back(text);
  }
  if (mode == "Strict" && !strict.empty()) {
    return Refuse(BadRequest(type.kind + " in version \"" + type.version +
                             "\" cannot be handled as a " + type.kind +
                             ": strict decoding error: " + strict));
  }
  const std::string name_space = MetadataText(body.object, "namespace");
  if (type.namespaced && !name_space.empty() && name_space != call.target.name_space) {
    return Refuse(BadRequest(call.request.verb == "create"
                                 ? "the namespace of the provided object does not match the "
                                   "namespace sent on the request"
                                 : "the namespace of the object (" + name_space +
                                       ") does not match the namespace on the URL (" +
                                       call.target.name_space + ")"));
  }
  if (type.namespaced) body.object["metadata"]["namespace"] = call.target.name_space;
  return body;
}

Answer Service::AnswerWith(const Call& call, int status, const Stored& stored,
                           const Body& body) const {
  Answer answer = AnswerOf(status, FullText(*call.target.type, stored));
  for (const std::string& warning : body.warnings) {
    answer.headers.emplace_back("Warning", "299 - " + Json(warning).dump());
  }
  return answer;
}

Outcome<Answer> Service::Create(const Call& call) {
  auto body = ReadBody(call);
  if (!body) return Refuse(std::move(body.error()));
  const std::string base = MetadataText(body->object, "generateName");
  if (MetadataText(body->object, "name").empty() && !base.empty()) {
    body->object["metadata"]["name"] = base + Suffix();
  }
  return CreateNamed(call, std::move(*body));
}

Outcome<Answer> Service::CreateNamed(const Call& call, Body body) {
  const ResourceType& type = *call.target.type;
  if (auto missing = MissingNamespace(call.target)) return Refuse(std::move(*missing));
  if (call.request.verb == "create" && !MetadataText(body.object, "resourceVersion").empty()) {
    return Refuse(Unexpected("resourceVersion should not be set on objects to be created"));
  }
  Target target = call.target;
  target.name = MetadataText(body.object, "name");
  SetDefaults(type, &body.object);
  if (const auto causes = Validate(type, body.object, nullptr); !causes.empty()) {
    return Refuse(Invalid(type, target.name, causes));
  }
  if (store_.Find(target) != nullptr) return Refuse(AlreadyExists(type, target.name));
  DropManaged(&body.object);
  const Manager manager = ManagerNow(call.request.user_agent);
  body.object["metadata"]["uid"] = NewUid();
  body.object["metadata"]["creationTimestamp"] = manager.time;
  SetManagedFields(type, manager, nullptr, &body.object);
  return AnswerWith(call, 201, *store_.Write(target, std::move(body.object)), body);
}

Outcome<Answer> Service::Update(const Call& call) {
  const Target& target = call.target;
  auto body = ReadBody(call);
  if (!body) return Refuse(std::move(body.error()));
  const std::string name = MetadataText(body->object, "name");
  if (name.empty()) {
    return Refuse(BadRequest("the name of the object (" + target.name +
                             " based on URL) was undeterminable: name must be provided"));
  }
  if (name != target.name) {
    return Refuse(BadRequest("the name of the object (" + name +
                             ") does not match the name on the URL (" + target.name + ")"));
  }
  const std::string uid = MetadataText(body->object, "uid");
  const StoredPointer old = store_.Find(target);
  if (old == nullptr && !target.type->create_on_update) return Refuse(NotFound(*target.type, name));
  const std::string old_uid = old == nullptr ? "" : MetadataText(old->object, "uid");
  if (!uid.empty() && uid != old_uid) return Refuse(WrongUid(target, uid, old_uid));
  if (old != nullptr) return Replace(call, *old, std::move(*body));
  if (auto denied = Denied(call, "create")) return Refuse(std::move(*denied));
  return CreateNamed(call, std::move(*body));
}

Outcome<Answer> Service::Replace(const Call& call, const Stored& old, Body body) {
  const Target& target = call.target;
  const std::string version = MetadataText(body.object, "resourceVersion");
  if (version.empty() && !target.type->unconditional_update) {
    return Refuse(InvalidResource(*target.type, target.name,
                                  {.reason = "FieldValueInvalid",
                                   .message = "Invalid value: 0: must be specified for an update",
                                   .field = "metadata.resourceVersion"}));
  }
  if (!version.empty() && version != std::to_string(old.version)) {
    return Refuse(Modified(*target.type, target.name));
  }
  SetDefaults(*target.type, &body.object);
  DropManaged(&body.object);
  for (const char* field : {"uid", "creationTimestamp"}) {
    body.object["metadata"][field] = old.object["metadata"][field];
  }
  if (const auto causes = Validate(*target.type, body.object, &old.object); !causes.empty()) {
    return Refuse(Invalid(*target.type, target.name, causes));
  }
  if (SameButForManagers(old.object, body.object)) return AnswerWith(call, 200, old, body);
  SetManagedFields(*target.type, ManagerNow(call.request.user_agent), &old.object, &body.object);
  return AnswerWith(call, 200, *store_.Write(target, std::move(body.object)), body);
}

Outcome<Answer> Service::Patch(const Call& call) {
  const Target& target = call.target;
  const std::string media = MediaType(call.content_type);
  const bool merge =
      media == "application/merge-patch+json" || media == "application/strategic-merge-patch+json";
  if (!merge && media != "application/json-patch+json") {
    return Refuse(UnsupportedMediaType(
        "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml, "
        "application/strategic-merge-patch+json"));
  }
  const StoredPointer old = store_.Find(target);
  if (old == nullptr) return Refuse(NotFound(*target.type, target.name));
  const Json patch = Json::parse(call.request.body, nullptr, false);
  if (patch.is_discarded()) return Refuse(BadRequest("error decoding patch: invalid JSON"));
  Json patched = Json::parse(FullText(*target.type, *old));
  if (merge) {
    patched.merge_patch(patch);
  } else {
    try {
      patched = patched.patch(patch);
    } catch (const Json::parse_error& error) {
      return Refuse(BadRequest(std::string("error decoding patch: ") + error.what()));
    } catch (const Json::exception&) {
      return Refuse(MakeFailure(
          422, {"Invalid", "the server rejected our request due to an error in our request"},
          Json::object()));
    }
  }
  auto body = ReadBody(call, std::move(patched));
  if (!body) return Refuse(std::move(body.error()));
  const std::string name = MetadataText(body->object, "name");
  if (name != target.name) {
    return Refuse(BadRequest("the name of the object (" + name +
                             ") does not match the name on the URL (" + target.name + ")"));
  }
  const std::string uid = MetadataText(body->object, "uid");
  const std::string old_uid = MetadataText(old->object, "uid");
  if (uid != old_uid) return Refuse(WrongUid(target, uid, old_uid));
  return Replace(call, *old, std::move(*body));
}

Outcome<Answer> Service::Delete(const Call& call) {
  const Target& target = call.target;
  const StoredPointer stored = store_.Find(target);
  if (stored == nullptr) return Refuse(NotFound(*target.type, target.name));
  if (!call.request.body.empty()) {
    const Json options = Json::parse(call.request.body, nullptr, false);
    if (options.is_discarded())
      return Refuse(BadRequest("error decoding DeleteOptions: invalid JSON"));
    if (auto broken = BrokenPrecondition(target, options, *stored))
      return Refuse(std::move(*broken));
  }
  if (target.type->kind == "Namespace") {
    for (const ResourceType& type : ResourceTypes()) {
      if (!type.namespaced) continue;
      for (const auto& [key, object] : Objects(store_.All(type))) {
        if (MetadataText(object->object, "namespace") != target.name) continue;
        store_.Erase({.type = &type,
                      .name_space = target.name,
                      .name = MetadataText(object->object, "name")});
      }
    }
  }
  const StoredPointer last = store_.Erase(target);
  if (target.type->kind == "Pod") return AnswerOf(200, FullText(*target.type, *last));
  Json details = {{"name", target.name},
                  {"kind", target.type->plural},
                  {"uid", MetadataText(last->object, "uid")}};
  if (!target.type->group.empty()) details["group"] = target.type->group;
  const Json status = {{"kind", "Status"},
                       {"apiVersion", "v1"},
                       {"metadata", Json::object()},
                       {"status", "Success"},
                       {"details", std::move(details)}};
  return AnswerOf(200, status.dump());
}

Outcome<Answer> Service::DeleteCollection(const Call& call) {
  auto selector = Selector::Of(call.target);
  if (!selector) return Refuse(std::move(selector.error()));
  Answer deleted = Page(call, *selector, store_.revision(), false);
  for (const auto& [key, stored] : Objects(store_.All(*call.target.type))) {
    if (!selector->Matches(stored->object)) continue;
    Target one = call.target;
    one.name = MetadataText(stored->object, "name");
    store_.Erase(one);
  }
  return deleted;
}

std::string Service::NewUid() {
  const std::uint64_t high = (random_() & ~0xf000ULL) | 0x4000ULL;
  const std::uint64_t low = (random_() & ~(3ULL << 62U)) | (1ULL << 63U);
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32U, (high >> 16U) & 0xffffU,
                     high & 0xffffU, low >> 48U, low & 0xffff'ffff'ffffULL);
}

std::string Service::Suffix() {
  static const std::string kLetters = "bcdfghjklmnpqrstvwxz2456789";
  std::string suffix;
  for (int i = 0; i < 5; ++i) suffix += kLetters[random_() % kLetters.size()];
  return suffix;
}

}  // namespace monopod::testing::kube_server
