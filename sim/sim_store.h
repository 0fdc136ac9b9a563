// A linearizable store of records: every call takes effect at one moment, the one at which it is
// made here. Delay, loss and failure happen on the way to it (network.h).
//
// As an API server it keeps objects in the production layout, so that what others write into them
// is read as monopod reads it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "sim/node_clock.h"
#include "sim/schedule.h"
#include "src/kube/record_codec.h"
#include "src/protocol/record_store.h"

namespace monopod::sim {

inline constexpr int kMostSlots = 4;
inline constexpr const char* kLock = "x";

// The slot whose record has this name.
std::size_t SlotOf(const std::string& name);

// Matches whatever is there: an API server takes a ConfigMap without a resourceVersion so.
inline constexpr const char* kAnyVersion = "*";

// Versions are numbers, one series for all records.
std::uint64_t NumberOf(const protocol::Version& version);

class SimStore {
 public:
  struct Options {
    StoreKind kind = StoreKind::kRegister;
    bool tokens_from_versions = false;
    // Where writers and readers share a clock, the store tells how old a stamp is.
    const NodeClock* shared_clock = nullptr;
  };
  explicit SimStore(const Options& options);

  protocol::Snapshot Read(std::size_t slot, TrueTime now) const;
  // kInternal: what was written reads as something else.
  Result<protocol::Written> Write(std::size_t slot, const protocol::Version& expected,
                                  const protocol::Record& record, TrueTime now);
  void Remove(std::size_t slot);
  // By somebody who does not know monopod; an object that is not there is new and blank. Fails as
  // Write does.
  using Change = std::function<void(kube::Object&)>;
  Result<protocol::Written> Edit(std::size_t slot, const protocol::Version& expected,
                                 const Change& change);
  // Null if there is none.
  const kube::Object* ObjectOf(std::size_t slot) const;
  // Whoever ran on the one machine is dead.
  void Reboot() { ++boot_; }

  // For the checkers.
  bool Exists(std::size_t slot) const { return rows_.at(slot).version != 0; }
  const protocol::Record& Shown(std::size_t slot) const { return rows_.at(slot).record; }
  protocol::Version VersionOf(std::size_t slot) const;
  std::uint64_t version() const { return versions_; }

 private:
  struct Row {
    std::uint64_t version = 0;  // 0: there is no record
    protocol::Record record;
    protocol::Token highest_token = 0;  // outlives the record
    BootTime stamped{};                 // by the shared clock
    int boot = 0;                       // in which it was stamped
    std::optional<kube::Object> object;
  };
  protocol::Token NextToken(const Row& row) const;
  bool Expects(std::size_t slot, const protocol::Version& expected) const;
  Result<protocol::Written> Put(std::size_t slot, kube::Object object);

  const Options options_;
  const std::unique_ptr<const kube::RecordCodec> codec_;  // of an API server
  std::uint64_t versions_ = 0;
  std::uint64_t objects_ = 0;
  int boot_ = 0;
  std::array<Row, kMostSlots> rows_;
};

}  // namespace monopod::sim
