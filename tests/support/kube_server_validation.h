// What a real server's validation refuses, of the fields that locks and elections use.
#pragma once

#include <vector>

#include "tests/support/kube_server_status.h"

namespace monopod::testing::kube_server {

// Nothing wrong: empty. `old` is null for a new object.
std::vector<Cause> Validate(const ResourceType& type, const Json& object, const Json* old);

// The text of a field of metadata; empty if there is none.
std::string MetadataText(const Json& object, const char* field);

}  // namespace monopod::testing::kube_server
