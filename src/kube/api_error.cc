#include "src/kube/api_error.h"

#include <fmt/format.h>

#include <optional>

#include "src/kube/object.h"

namespace monopod::kube {
namespace {

constexpr std::size_t kLongestQuote = 500;

std::string MessageOf(const Response& response) {
  const auto status = Object::Parse(response.body);
  std::string message = status ? status->Text({"message"}) : std::string();
  if (message.empty()) message = response.body.substr(0, kLongestQuote);
  while (message.ends_with('\n') || message.ends_with(' ')) message.pop_back();
  return message;
}

std::string ResourceText(const ResourceNames& resource) {
  if (resource.group.empty()) return std::string(resource.plural);
  return fmt::format("{}.{}", resource.plural, resource.group);
}

// "update leases.coordination.k8s.io "x" in the namespace "default"".
std::string CallText(const Call& call) {
  std::string text = fmt::format("{} {}", call.verb, ResourceText(call.resource));
  if (!call.name.empty()) text += fmt::format(" \"{}\"", call.name);
  return text + (call.namespace_.empty()
                     ? std::string(" in all namespaces")
                     : fmt::format(" in the namespace \"{}\"", call.namespace_));
}

bool Writes(const Call& call) {
  return call.verb != "get" && call.verb != "list" && call.verb != "watch";
}

Error Denied(const Response& response, const Call& call) {
  const std::string message = MessageOf(response);
  if (response.status == 401) {
    return {ErrorCode::kDenied,
            fmt::format("the API server does not accept the credentials ({}): not allowed to {}",
                        message, CallText(call))};
  }
  // Quotas and admission refuse with the same status, and no right would help.
  const bool rights = message.find(" cannot ") != std::string::npos || message.empty();
  if (!rights) {
    return {ErrorCode::kDenied,
            fmt::format("the API server refuses to {}: {}", CallText(call), message)};
  }
  const std::string hint =
      call.verb == "create" ? "\nor create the lock beforehand, with `monopod create`" : "";
  return {
      ErrorCode::kDenied,
      fmt::format("not allowed to {}: {}\ngrant it with a rule of a {}:\n{}{}", CallText(call),
                  message, call.namespace_.empty() ? "ClusterRole" : "Role", RuleFor(call), hint)};
}

Error NotFound(const Response& response, const Call& call) {
  const auto status = Object::Parse(response.body);
  const std::string kind = status ? status->Text({"details", "kind"}) : std::string();
  if (kind == "namespaces") {
    return {ErrorCode::kInvalidArgument,
            fmt::format("the namespace \"{}\" does not exist: create it, or name another",
                        call.namespace_)};
  }
  if (IsMissingObject(response, call)) {
    return {ErrorCode::kConflict,
            fmt::format("the {} {}/{} is gone", call.resource.kind, call.namespace_, call.name)};
  }
  return {ErrorCode::kUnavailable,
          fmt::format("the server does not know {}, perhaps it is no Kubernetes API server: {}",
                      ResourceText(call.resource), MessageOf(response))};
}

}  // namespace

bool IsMissingObject(const Response& response, const Call& call) {
  if (response.status != 404 || call.name.empty()) return false;
  const auto status = Object::Parse(response.body);
  return status && status->Text({"reason"}) == "NotFound" &&
         status->Text({"details", "name"}) == call.name &&
         status->Text({"details", "kind"}) != "namespaces";
}

Error ErrorOf(const Response& response, const Call& call) {
  const auto said = [&](ErrorCode code) {
    return Error{code, fmt::format("cannot {}: {} ({})", CallText(call), MessageOf(response),
                                   response.status)};
  };
  switch (response.status) {
    case 401:
    case 403: return Denied(response, call);
    case 404: return NotFound(response, call);
    case 409: return said(ErrorCode::kConflict);
    case 400:
    case 405:
    case 413:
    case 415:
    case 422: return said(ErrorCode::kInvalidArgument);
    case 408:
    case 410:
    case 429: return said(ErrorCode::kUnavailable);
    default: return said(Writes(call) ? ErrorCode::kIndeterminate : ErrorCode::kUnavailable);
  }
}

std::string RuleFor(const Call& call) {
  // Neither can be limited to names.
  const bool named = !call.name.empty() && call.verb != "create" && call.verb != "list";
  return fmt::format(
      "- apiGroups: [\"{}\"]\n  resources: [\"{}\"]\n{}  verbs: [{}]", call.resource.group,
      call.resource.plural, named ? fmt::format("  resourceNames: [\"{}\"]\n", call.name) : "",
      named && !(call.verb == "delete") ? std::string("\"get\", \"update\", \"watch\"")
                                        : fmt::format("\"{}\"", call.verb));
}

}  // namespace monopod::kube
