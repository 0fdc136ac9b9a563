// A linearizable store of records: every call takes effect at one moment, the one at which it is
// made here. Delay, loss and failure happen on the way to it (network.h).
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "sim/node_clock.h"
#include "src/protocol/record_store.h"

namespace monopod::sim {

inline constexpr int kMostSlots = 4;
inline constexpr const char* kLock = "x";

// The slot whose record has this name.
std::size_t SlotOf(const std::string& name);

class SimStore {
 public:
  struct Options {
    bool tokens_from_versions = false;
    // Where writers and readers share a clock, the store tells how old a stamp is.
    const NodeClock* shared_clock = nullptr;
  };
  explicit SimStore(const Options& options) : options_(options) {}

  protocol::Snapshot Read(std::size_t slot, TrueTime now) const;
  Result<protocol::Written> Write(std::size_t slot, const protocol::Version& expected,
                                  const protocol::Record& record, TrueTime now);
  void Remove(std::size_t slot) { rows_.at(slot).version = 0; }

  // For the checkers.
  bool Exists(std::size_t slot) const { return rows_.at(slot).version != 0; }
  const protocol::Record& Shown(std::size_t slot) const { return rows_.at(slot).record; }
  protocol::Version VersionOf(std::size_t slot) const;

 private:
  struct Row {
    std::uint64_t version = 0;  // 0: there is no record
    protocol::Record record;
    protocol::Token highest_token = 0;  // outlives the record
    BootTime stamped{};                 // by the shared clock
  };
  protocol::Token NextToken(const Row& row) const;

  Options options_;
  std::uint64_t versions_ = 0;
  std::array<Row, kMostSlots> rows_;
};

}  // namespace monopod::sim
