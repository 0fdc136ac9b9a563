// How a lock's state looks: as JSON (docs/OUTPUT.md is the schema) and as table rows.
#pragma once

#include <string>
#include <vector>

#include "monopod/lock_client.h"
#include "src/cli/output.h"

namespace monopod::cli {

Json LockJson(const LockStatus& status);
std::string LockTable(const std::vector<LockStatus>& locks, OutputFormat format);

}  // namespace monopod::cli
