#include "src/etcd/lease_pool.h"

#include <algorithm>
#include <random>

namespace monopod::etcd {
namespace {

// More than this are not kept for later: they expire by themselves.
constexpr std::size_t kMostKept = 1024;

// A process that ends does not wait for one more commit to save the cluster so little.
constexpr std::chrono::seconds kLeftToExpire(15);

LeaseId RandomLeaseId() {
  static thread_local std::random_device random;
  constexpr std::uint64_t kPositive = (std::uint64_t{1} << 63U) - 1;
  while (true) {
    const std::uint64_t bits = (std::uint64_t{random()} << 32U | random()) & kPositive;
    if (bits != 0) return static_cast<LeaseId>(bits);
  }
}

}  // namespace

LeasePool::~LeasePool() {
  const BootTime deadline = BootClock::now() + std::chrono::seconds(1);
  for (const auto& lease : unused_) {
    if (lease.ttl <= kLeftToExpire) continue;
    if (BootClock::now() >= deadline) return;
    if (!api_->Revoke(lease.id, deadline)) return;
  }
}

Result<Granted> LeasePool::Take(std::chrono::seconds ttl, BootTime deadline) {
  {
    const std::lock_guard guard(mutex_);
    const BootTime now = BootClock::now();
    std::erase_if(unused_, [&](const auto& lease) { return now - lease.kept > lease.ttl; });
    const auto at = std::ranges::find_if(unused_, [&](const auto& lease) {
      return lease.reusable && lease.ttl == ttl && now - lease.kept < lease.ttl / 2;
    });
    if (at != unused_.end()) {
      const Granted granted{.id = at->id, .kept = at->kept};
      unused_.erase(at);
      return granted;
    }
  }
  const BootTime sent = BootClock::now();
  const LeaseId id = RandomLeaseId();
  auto reply = api_->Grant(id, ttl, deadline);
  if (!reply) return Fail(std::move(reply.error()));
  return Granted{.id = id, .kept = sent};
}

void LeasePool::Return(const QueueMachine::LeaseUse& lease) {
  const std::lock_guard guard(mutex_);
  if (unused_.size() < kMostKept) unused_.push_back(lease);
}

}  // namespace monopod::etcd
