#include "sim/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace monopod::sim {

void Judge::Fail(std::string violation) {
  if (!violation_) violation_ = std::move(violation);
}

void Judge::CheckBelief(ClaimId id, const Proven& claim, BootTime proof) {
  if (!claim.proof) {
    Fail(fmt::format("I4: {} believes in a tenure, and nothing of it landed", InstanceOf(id)));
  } else if (proof > *claim.proof) {
    Fail(fmt::format("I4: {} counts its tenure from {} ns after the send of its last proof",
                     InstanceOf(id), (proof - *claim.proof).count()));
  }
}

void Judge::CheckEndOfWork(ClaimId id, const Proven& claim, TrueTime now) {
  const BootTime end = claim.clock->At(now);
  // A microsecond for the roundings of the simulated clocks.
  const auto allowed = protocol::kDeathAllowance + std::chrono::microseconds(1);
  BootTime last = *claim.proof + claim.times.kill + allowed;
  if (Overslept(claim)) last = std::max(last, claim.clock->woke_at() + allowed);
  if (end > last) {
    Fail(
        fmt::format("I4: the work of {} ran for {} ms after its last proof, and its kill time is "
                    "{} ms",
                    InstanceOf(id), (end - *claim.proof) / std::chrono::milliseconds(1),
                    claim.times.kill.count()));
  }
}

bool Judge::Overslept(const Proven& claim) {
  if (!claim.proof) return false;
  const BootTime kill_at = *claim.proof + claim.times.kill;
  return claim.clock->SleptBetween(kill_at, kill_at + protocol::kDeathAllowance);
}

void Judge::CheckFence(const Write& write) {
  if (write.token > fence_) {
    fence_ = write.token;
    fence_writer_ = write.claim;
  } else if (write.token == fence_ && write.claim != fence_writer_) {
    Fail(fmt::format("I3: {} and {} write with one token", InstanceOf(write.claim),
                     InstanceOf(fence_writer_)));
  } else if (write.token < fence_ && write.must_be_accepted) {
    Fail(fmt::format("I3: {} works with token {}, and the resource has seen {}",
                     InstanceOf(write.claim), write.token, fence_));
  }
}

}  // namespace monopod::sim
