// managedFields: who has set which fields.
#pragma once

#include <string>

#include "tests/support/kube_server_status.h"

namespace monopod::testing::kube_server {

struct Manager {
  std::string name;  // the start of the User-Agent
  std::string time;
};

Manager ManagerNow(const std::string& user_agent);

// Sets the managedFields of `object`, which has been changed from `old` (null: created). A field
// has one manager here; a real server may name several who set it to the same.
void SetManagedFields(const ResourceType& type, const Manager& manager, const Json* old,
                      Json* object);

}  // namespace monopod::testing::kube_server
