#include "src/protocol/observation.h"

#include <algorithm>

#include "src/protocol/times.h"

namespace monopod::protocol {

std::chrono::milliseconds OutstandingKill(const Record& record) {
  // A recovering hold counts its own kill time too: its next write may have begun the work.
  return IsClaimed(record) ? std::max(record.kill, record.owed_kill) : record.owed_kill;
}

void Observation::Saw(const Snapshot& snapshot, BootTime received) {
  // A token that went back shows a store that was restored from a backup.
  const bool vanished = saw_anything_ && last_.exists() &&
                        (!snapshot.exists() || snapshot.record.origin != last_.record.origin ||
                         snapshot.record.token < last_.record.token);
  if (vanished && OutstandingKill(last_.record).count() > 0) {
    const bool over = received >= debt_since_ + RecoveryTime(debt_kill_);
    debt_kill_ =
        std::max(over ? std::chrono::milliseconds(0) : debt_kill_, OutstandingKill(last_.record));
    debt_since_ = received;
  }
  const bool same_stamp = saw_anything_ && last_.exists() && snapshot.exists() && !vanished &&
                          last_.record.stamp == snapshot.record.stamp &&
                          last_.record.holder.instance == snapshot.record.holder.instance;
  const BootTime since =
      received - std::max(std::chrono::nanoseconds(snapshot.record.credit), snapshot.known_silence);
  changed_ = changed_ || (saw_anything_ && !same_stamp);
  silent_since_ = same_stamp ? std::min(silent_since_, since) : since;
  const bool claimed = snapshot.exists() && IsClaimed(snapshot.record);
  longest_ttl_ =
      claimed ? std::max(longest_ttl_, snapshot.record.ttl) : std::chrono::milliseconds(0);
  last_ = snapshot;
  saw_anything_ = true;
}

}  // namespace monopod::protocol
