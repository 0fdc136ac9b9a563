// One change of one record by someone who need not hold it: read, change, compare-and-swap, and
// read back what is unknown.
#pragma once

#include <functional>
#include <string>

#include "monopod/result.h"
#include "src/protocol/record_store.h"

namespace monopod::lock {

// The record as it shall be, from the record as it is. An error ends the update with it. Called
// again for each version that is met, so it must not have effects.
using RecordChange = std::function<Result<protocol::Record>(const protocol::Snapshot& snapshot)>;

// Applies `change` to the record called `name` until one write of it is known to have landed, and
// returns that record. `edit` is set here. A record that needs no change is not written. Blocks
// until `deadline` at most.
//   kIndeterminate  time ran out while a write was of unknown fate
//   kUnavailable    time ran out, and nothing was written
Result<protocol::Record> UpdateRecord(protocol::RecordStore& store, const std::string& name,
                                      const RecordChange& change, BootTime deadline);

}  // namespace monopod::lock
