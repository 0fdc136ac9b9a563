// An elector that decides as client-go's leaderelection package does on a LeaseLock, as far as it
// is documented and visible in its source (tools/leaderelection/leaderelection.go, resourcelock/):
// what it takes for a live hold, what it writes, when it gives up. Pure: no I/O, no clock.
//
// - A hold is judged by how long its record has stayed the same *since it was observed*, by the own
//   clock, with the record's own leaseDurationSeconds. Records are compared as JSON with times of
//   whole seconds, as its observedRawRecord is.
// - A leader that believes in its lease updates without reading; only if that fails it reads.
// - Its release reads a fresh version, but asks its old observed record whether it leads: so one
// that was
//   paused can blank somebody else's hold. It writes a duration of one second.
// - Work is not its business: a caller that keeps to client-go stops the work after the release.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "src/base/clock.h"

namespace monopod::testing {

// The fields of a Lease's spec that matter.
struct LeaseFields {
  std::string holder;  // empty: nobody
  int duration_seconds = 0;
  WallTime acquired{};
  WallTime renewed{};
  int transitions = 0;
};

class ClientGoElector {
 public:
  struct Options {
    std::string identity;
    std::chrono::seconds lease_duration{15};
  };
  explicit ClientGoElector(Options options) : options_(std::move(options)) {}

  // A call to make for the elector.
  struct Call {
    enum class Kind : std::uint8_t {
      kGet,     // then OnGot or OnFailed
      kUpdate,  // with the version of the last object got or updated; then OnUpdated or OnFailed
      kNone,    // the attempt is over
    };
    Kind kind = Kind::kNone;
    LeaseFields lease;       // of kUpdate
    bool succeeded = false;  // of kNone: leads, or has released
  };

  // tryAcquireOrRenew, from its beginning.
  Call Try(WallTime now);
  // release, from its beginning.
  Call Release();

  Call OnGot(const LeaseFields& lease, WallTime now);
  Call OnUpdated(WallTime now);
  Call OnFailed();

  // As far as it knows.
  bool IsLeader() const { return observed_.holder == options_.identity; }

 private:
  enum class Step : std::uint8_t { kFastUpdate, kGet, kUpdate, kReleaseGet, kReleaseUpdate };

  bool IsValid(WallTime now) const;
  void Observe(const LeaseFields& lease, WallTime now);
  Call Update(Step step, LeaseFields lease);

  const Options options_;
  LeaseFields observed_;
  WallTime observed_at_{};
  std::optional<std::string> observed_raw_;
  Step step_ = Step::kGet;
  WallTime began_{};  // the attempt
  LeaseFields written_;
};

}  // namespace monopod::testing
