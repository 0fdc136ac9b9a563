// From the body of a request to an object of a known type: as Go's decoder does it, with its words.
#pragma once

#include <string>
#include <vector>

#include "tests/support/kube_server_status.h"

namespace monopod::testing::kube_server {

struct Decoded {
  Json object;                       // without kind and apiVersion; unknown and null fields dropped
  std::vector<std::string> unknown;  // "spec.bogus"
};

Outcome<Json> ParseBody(const ResourceType& type, const std::string& body);
// Refuses wrong types. The object may have any content otherwise.
Outcome<Decoded> Decode(const ResourceType& type, Json body);

}  // namespace monopod::testing::kube_server
