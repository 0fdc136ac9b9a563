// The simulations of both kinds of locks as one kind of thing, to be run by the same command.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/beyond.h"
#include "sim/result.h"

namespace monopod::sim {

// The schedules of one kind of lock.
struct Simulated {
  const char* store = nullptr;
  std::function<SimulationResult(std::uint64_t seed, bool trace)> run;
  std::function<std::string(std::uint64_t seed)> describe;
};

// "records" and "etcd"; an empty text means both.
std::vector<Simulated> Production(const std::string& store);

// The protocol with a mistake in it.
struct Mistaken {
  std::string name;
  std::string mistake;
  Simulated simulated;
};
std::vector<Mistaken> AllMistaken(const std::string& store);

// What is not promised, judged all the same.
struct NotPromised {
  std::string name;
  std::string says;
  std::string found;  // how a violation begins that shows it
  std::function<bool(std::uint64_t seed)> concerns;
  Simulated simulated;
};
std::vector<NotPromised> AllNotPromised(const std::string& store);

// Of this process so far: other load on the machine does not count.
double CpuSeconds();

// "I10" of "I10: the work of ...".
std::string InvariantOf(const std::string& violation);

}  // namespace monopod::sim
