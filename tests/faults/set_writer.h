// A holder's work on what the lock protects: a set of numbers, to which it adds one by reading it,
// and writing it back with one more. At times the process is stopped between the two, by itself
// (SIGSTOP); somebody else must continue it.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "monopod/lock_client.h"
#include "sim/random.h"
#include "tests/faults/shared_set.h"
#include "tests/faults/teller.h"

namespace monopod::faults {

class SetWriter {
 public:
  // `serial` makes its elements unique. The teller outlives it.
  SetWriter(std::unique_ptr<SharedSet> set, std::uint64_t serial, const Teller* teller)
      : set_(std::move(set)), serial_(serial), teller_(teller) {}

  // One read, perhaps a pause, one write.
  void Add(const LockClient& client, const Lock& lock, sim::Random& random);

 private:
  const std::unique_ptr<SharedSet> set_;
  const std::uint64_t serial_;
  const Teller* const teller_;
  std::uint64_t count_ = 0;
};

// The numbers in the text of a set, in the order in which they were added.
std::vector<std::uint64_t> ElementsOf(const std::string& text);

}  // namespace monopod::faults
