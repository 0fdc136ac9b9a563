// Who this process is, as other people will read it in a record or a log.
#pragma once

#include <string>

namespace monopod {

struct Identity {
  std::string name;        // POD_NAME, else the host name
  std::string namespace_;  // POD_NAMESPACE, or empty
  std::string node;        // NODE_NAME, or empty
};

// From the Downward API's usual environment names; else the host name. Reads the environment:
// call it before other threads change it.
Identity IdentityFromEnvironment();

}  // namespace monopod
