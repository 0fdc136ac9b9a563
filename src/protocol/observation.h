// What one candidate knows of one record by having watched it: since when its hold has been
// silent, and which earlier work may still run although the record no longer says so.
//
// Pure arithmetic on what was read and when the answer arrived. It never compares a stored time
// with a local clock (client-go's rule: judge by observed change, not by timestamps).
#pragma once

#include "src/protocol/record_store.h"

namespace monopod::protocol {

class Observation {
 public:
  // `received` is when the answer arrived: the state was current at some moment before it, so
  // silence is never overestimated.
  void Saw(const Snapshot& snapshot, BootTime received);

  bool saw_anything() const { return saw_anything_; }
  // The last snapshot. Requires saw_anything().
  const Snapshot& last() const { return last_; }

  // The record's stamp has not changed since this moment, or an earlier one. The largest of: own
  // watching, the credit that other observers left in the record, the store's shared clock.
  BootTime silent_since() const { return silent_since_; }

  // Something about the hold changed since the first look: whoever holds now is alive.
  bool changed() const { return changed_; }

  // The longest TTL of the holds that were seen since the record was last free: when somebody
  // blanks a hold, it may be one of these.
  std::chrono::milliseconds longest_ttl() const { return longest_ttl_; }

  // Work of a hold that vanished (its record was deleted, made anew or rewound) may run until this
  // moment; the epoch if none. `debt_kill` is that work's kill time.
  BootTime debt_since() const { return debt_since_; }
  std::chrono::milliseconds debt_kill() const { return debt_kill_; }

 private:
  bool saw_anything_ = false;
  bool changed_ = false;
  Snapshot last_;
  BootTime silent_since_{};
  std::chrono::milliseconds longest_ttl_{0};
  BootTime debt_since_{};
  std::chrono::milliseconds debt_kill_{0};
};

// The longest kill time of work that may still run under, or before, this record.
std::chrono::milliseconds OutstandingKill(const Record& record);

}  // namespace monopod::protocol
