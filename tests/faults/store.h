// Where the locks of a trial are, and what can be done to it.
//
// Threads: one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "sim/random.h"

namespace monopod::faults {

// A class of faults. What is injected lasts until it is healed.
struct Fault {
  enum class Kind : std::uint8_t {
    kNothing,
    kStore,         // by `inject` and `heal`
    kKillClients,   // SIGKILL
    kStopClients,   // SIGSTOP
    kOffsetClocks,  // clients whose CLOCK_BOOTTIME and CLOCK_MONOTONIC are others, by hours
  };
  std::string name;
  Kind kind = Kind::kStore;
  std::function<void(sim::Random&)> inject = {};
  std::function<void()> heal = {};
  // So many times as long as others do: what shows only then.
  int stretch = 1;
};

class Store {
 public:
  virtual ~Store() = default;
  virtual std::string name() const = 0;
  // For a client; by its number they begin with different servers.
  virtual std::string Url(std::uint64_t client) const = 0;
  virtual std::vector<std::pair<std::string, std::string>> Environment() const { return {}; }
  virtual std::chrono::seconds ttl() const = 0;
  virtual std::vector<Fault> Faults() = 0;
  // After an episode, while nobody uses it.
  virtual void Tidy() {}
  // Where the set that a lock protects is, for clients; and its text once they have ended.
  virtual std::string PlaceOfSet(const std::string& lock) const = 0;
  virtual std::string ReadSet(const std::string& lock) = 0;
};

}  // namespace monopod::faults
