#include <array>

#include "sim/queue/machine_under_test.h"

namespace monopod::sim::queue {

std::unique_ptr<MachineUnderTest> MakeProductionMachine(const protocol::Claim& claim,
                                                        const etcd::LockKeys& keys, Nonces nonces) {
  return std::make_unique<MachineUnderTest>(claim, keys, std::move(nonces));
}

std::span<const Mutant> AllMutants() { return {}; }

}  // namespace monopod::sim::queue
