// One episode of a trial: clients of all workloads use locks of their own on one store, while
// faults of one class come and go; then the faults stop, and progress must follow.
//
// Threads: one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/random.h"
#include "tests/faults/child.h"
#include "tests/faults/records.h"
#include "tests/faults/store.h"

namespace monopod::faults {

struct StageOptions {
  std::string self;     // this program
  std::string monopod;  // the one under test
  std::string name;     // of the episode: part of the names of its locks
  std::uint64_t seed = 1;
  std::chrono::nanoseconds length{0};  // of the part with faults
};

struct Played {
  std::map<Workload, Record> records;
  std::map<Workload, std::string> sets;  // their text at the end
  int faults = 0;
  std::vector<std::string> violations;  // a client that crashed or does not end; no progress
};

class Stage {
 public:
  Stage(const StageOptions& options, Store* store);

  // Returns when all clients have ended; early if the trial is asked to end.
  Played Play(const Fault& fault);

 private:
  // One process, from its start until all that it started is dead.
  struct Life {
    std::unique_ptr<Child> process;
    Scribe scribe;
    std::optional<std::chrono::nanoseconds> killed;
    std::optional<BootTime> continue_at;  // it has stopped itself
  };
  // Who is replaced when dead.
  struct Client {
    Workload workload = Workload::kMutex;
    std::uint64_t number = 0;
    std::optional<Life> life;
    BootTime start_at{};
  };

  void MakeClients();
  void Start(Client& client);
  std::vector<std::string> Command(const Client& client, std::chrono::seconds offset);
  std::chrono::seconds DrawOffset();

  void RunUntil(BootTime deadline, const std::function<bool()>& done = {});
  void AwaitOutput(BootTime deadline);
  void Attend(Life& life, Workload workload);
  void AttendAll();
  void Bury(Life& life, Workload workload);

  void InjectFaults(const Fault& fault);
  void Inject(const Fault& fault);
  void Heal(const Fault& fault);
  std::vector<Client*> SomeClients(std::size_t most);
  void AwaitProgress();
  void EndClients();

  std::string LockOf(Workload workload) const;
  std::chrono::nanoseconds DrawDuration();  // 0.5 to 3 TTL

  const StageOptions options_;
  Store* const store_;
  sim::Random random_;
  Played played_;
  std::vector<Client> clients_;
  std::vector<std::pair<Workload, Life>> dying_;  // whose descendants live
  std::uint64_t serial_ = 0;
  bool offsets_clocks_ = false;
  bool is_ending_ = false;
};

}  // namespace monopod::faults
