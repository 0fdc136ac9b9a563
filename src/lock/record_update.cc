#include "src/lock/record_update.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "src/base/nonce.h"
#include "src/base/wait.h"

namespace monopod::lock {
namespace {

using protocol::Record;
using protocol::Snapshot;

constexpr std::chrono::milliseconds kFirstPause(20);
constexpr std::chrono::milliseconds kLongestPause(500);

bool IsPassing(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kIndeterminate ||
         code == ErrorCode::kDeadlineExceeded;
}

}  // namespace

Result<Record> UpdateRecord(protocol::RecordStore& store, const std::string& name,
                            const RecordChange& change, BootTime deadline) {
  std::map<std::string, Record> attempts;  // by edit
  bool unknown = false;                    // the fate of one of them
  Error last{ErrorCode::kUnavailable, "there was no time to ask the store"};
  auto pause = kFirstPause;
  while (BootClock::now() < deadline) {
    const Result<Snapshot> read = store.Read(name, deadline);
    if (read && read->exists()) {
      const auto landed = attempts.find(read->record.edit);
      if (landed != attempts.end()) return landed->second;
    }
    if (read) {
      Result<Record> changed = change(*read);
      if (!changed) {
        // If it was a write of ours that made the change impossible, it is not known to be.
        if (unknown) changed.error().code = ErrorCode::kIndeterminate;
        return changed;
      }
      if (read->exists() && *changed == read->record) return changed;
      changed->edit = RandomNonce();
      const auto written = store.Write(name, read->version, *changed, deadline);
      if (written) return changed;
      const bool conflict = written.error().code == ErrorCode::kConflict;
      if (!conflict && !IsPassing(written.error().code)) return Fail(written.error());
      // A proxy may send a write twice and pass on what the second met: so a conflict is read back,
      // too.
      attempts.emplace(changed->edit, *changed);
      if (conflict) continue;
      unknown = true;
      last = written.error();
    } else {
      if (!IsPassing(read.error().code)) return Fail(read.error());
      last = read.error();
    }
    WaitUntil(std::min(deadline, BootClock::now() + pause), {});
    pause = std::min(2 * pause, kLongestPause);
  }
  return Fail(unknown ? ErrorCode::kIndeterminate : ErrorCode::kUnavailable,
              fmt::format("the store did not answer in time: {}", last.message));
}

}  // namespace monopod::lock
