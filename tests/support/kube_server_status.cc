#include "tests/support/kube_server_status.h"

#include <utility>

namespace monopod::testing::kube_server {
namespace {

Json Details(const ResourceType& type, const std::string& name, const std::string& kind) {
  Json details = {{"kind", kind}};
  if (!name.empty()) details["name"] = name;
  if (!type.group.empty()) details["group"] = type.group;
  return details;
}

struct Subject {
  std::string qualified;  // "Lease.coordination.k8s.io"
  std::string kind;       // "Lease"
};

Failure InvalidOf(const ResourceType& type, const std::string& name, const Subject& subject,
                  const std::vector<Cause>& causes) {
  Json details = Details(type, name, subject.kind);
  std::string text;
  for (const Cause& cause : causes) {
    details["causes"].push_back(
        {{"reason", cause.reason}, {"message", cause.message}, {"field", cause.field}});
    text += (text.empty() ? "" : ", ") + cause.field + ": " + cause.message;
  }
  if (causes.size() > 1) text = "[" + text + "]";
  return MakeFailure(422, {"Invalid", subject.qualified + " \"" + name + "\" is invalid: " + text},
                     details);
}

}  // namespace

Failure MakeFailure(int code, const FailureText& text, const Json& details) {
  Json status = {{"kind", "Status"},    {"apiVersion", "v1"},      {"metadata", Json::object()},
                 {"status", "Failure"}, {"message", text.message}, {"code", code}};
  if (!text.reason.empty()) status["reason"] = text.reason;
  if (!details.is_null()) status["details"] = details;
  return {.code = code, .status = std::move(status)};
}

Failure BadRequest(const std::string& message) { return MakeFailure(400, {"BadRequest", message}); }

Failure NotFound(const ResourceType& type, const std::string& name) {
  return MakeFailure(404, {"NotFound", type.qualified() + " \"" + name + "\" not found"},
                     Details(type, name, type.plural));
}

Failure AlreadyExists(const ResourceType& type, const std::string& name) {
  return MakeFailure(409, {"AlreadyExists", type.qualified() + " \"" + name + "\" already exists"},
                     Details(type, name, type.plural));
}

Failure Conflict(const ResourceType& type, const std::string& name, const std::string& why) {
  return MakeFailure(409,
                     {"Conflict", "Operation cannot be fulfilled on " + type.qualified() + " \"" +
                                      name + "\": " + why},
                     Details(type, name, type.plural));
}

Failure Modified(const ResourceType& type, const std::string& name) {
  return Conflict(type, name,
                  "the object has been modified; please apply your changes to the latest version "
                  "and try again");
}

Failure Invalid(const ResourceType& type, const std::string& name,
                const std::vector<Cause>& causes) {
  return InvalidOf(type, name, {.qualified = type.qualified_kind(), .kind = type.kind}, causes);
}

Failure InvalidResource(const ResourceType& type, const std::string& name, const Cause& cause) {
  return InvalidOf(type, name, {.qualified = type.qualified(), .kind = type.plural}, {cause});
}

Failure Expired(const std::string& message) { return MakeFailure(410, {"Expired", message}); }

Failure TooLargeVersion(std::int64_t wanted, std::int64_t current) {
  return MakeFailure(
      504,
      {"Timeout", "Timeout: Too large resource version: " + std::to_string(wanted) +
                      ", current: " + std::to_string(current)},
      {{"causes",
        {{{"reason", "ResourceVersionTooLarge"}, {"message", "Too large resource version"}}}},
       {"retryAfterSeconds", 1}});
}

Failure Unauthorized() { return MakeFailure(401, {"Unauthorized", "Unauthorized"}); }

Failure MethodNotAllowed() {
  return MakeFailure(
      405, {"MethodNotAllowed", "the server does not allow this method on the requested resource"},
      Json::object());
}

Failure UnsupportedMediaType(const std::string& accepted) {
  return MakeFailure(415,
                     {"UnsupportedMediaType",
                      "the body of the request was in an unknown format - accepted media types "
                      "include: " +
                          accepted});
}

Failure Unexpected(const std::string& message) { return MakeFailure(500, {"", message}); }

}  // namespace monopod::testing::kube_server
