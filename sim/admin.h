// Administrators: they break holds, delete records by hand, and change the number of slots, each
// in several steps between which anything can happen.
#pragma once

#include <array>
#include <chrono>
#include <optional>

#include "sim/network.h"

namespace monopod::sim {

class Admin {
 public:
  Admin(Environment& environment, Network& network, const NodeClock& clock);

  // Now and then.
  void Act();

 private:
  struct BreakPlan {
    std::size_t slot = 0;
    std::chrono::nanoseconds after{0};
  };
  void Break(const BreakPlan& plan);
  void Resize(int slots);
  void RetireSurplus();
  bool RetireSlot(std::size_t slot);
  // Writes what it read a little before, unless it changed in between.
  struct Edit {
    std::size_t slot = 0;
    Author author = Author::kResize;
    protocol::Version expected;
    protocol::Record record;
  };
  bool Apply(Edit edit);
  std::string Nonce();
  std::chrono::nanoseconds Soon();

  Environment& environment_;
  Network& network_;
  const NodeClock& clock_;
  std::uint64_t nonces_ = 0;
  int target_ = 0;  // of the resize that goes on, or 0
  std::array<bool, kMostSlots> retired_{};
  struct Owing {
    std::string stamp;
    BootTime since{};
  };
  std::array<Owing, kMostSlots> owing_{};
};

}  // namespace monopod::sim
