// What a refusal of an API server means for whoever asked.
#pragma once

#include <string>
#include <string_view>

#include "monopod/result.h"
#include "src/kube/api.h"
#include "src/kube/record_codec.h"

namespace monopod::kube {

// A request, as rights name it.
struct Call {
  std::string_view verb;  // "get", "create", "update", "delete", "list", "watch"
  const ResourceNames& resource;
  std::string namespace_;  // empty: all
  std::string name;        // empty: of no particular object
};

// Whether the answer, a 404, says that there is no such object (and not that something else is
// missing: the namespace, or the whole API).
bool IsMissingObject(const Response& response, const Call& call);

// The error for an answer that is no success:
//   kConflict         409: the object changed, exists already, or is gone
//   kDenied           401, 403; the message names what was denied and prints the rule to grant
//   kInvalidArgument  400, 404 of the namespace, 413, 422: a retry cannot help
//   kUnavailable      404 of the whole API, 408, 410, 429: not done
//   kIndeterminate    5xx, after a request that writes: it may have landed; else kUnavailable
Error ErrorOf(const Response& response, const Call& call);

// The rule of a Role that allows the call, as YAML.
std::string RuleFor(const Call& call);

}  // namespace monopod::kube
