// Certificates, keys and passwords.
#pragma once

#include <string>

#include "monopod/result.h"

namespace monopod::etcd {

// Fails with kInvalidArgument, or with kDenied if it may not be read; the message names `what` it
// is, the path, and the reason.
Result<std::string> ReadTextFile(const char* what, const std::string& path);

}  // namespace monopod::etcd
