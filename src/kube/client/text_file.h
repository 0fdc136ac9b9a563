// Kubeconfig files, certificates, keys and tokens.
#pragma once

#include <string>

#include "monopod/result.h"
#include "src/kube/client/access.h"

namespace monopod::kube {

// At most 4 MiB. Fails with kNotFound if there is none, with kDenied if it may not be read, else
// with kInvalidArgument; the message names the path and the reason.
Result<std::string> ReadTextFile(const std::string& path);

// The content, or what its file says now; empty if it is.
Result<std::string> ReadSource(const TextSource& source);

}  // namespace monopod::kube
