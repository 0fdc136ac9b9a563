// Events have two forms, which show the same objects. They are stored in the core form.
#pragma once

#include "tests/support/kube_server_status.h"

namespace monopod::testing::kube_server {

inline bool IsNewEvent(const ResourceType& type) { return type.group == "events.k8s.io"; }

Json NewEvent(const Json& core);
Json CoreEvent(const Json& event);

}  // namespace monopod::testing::kube_server
