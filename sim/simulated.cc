#include "sim/simulated.h"

#include <ctime>

#include "sim/non_promises.h"
#include "sim/queue/non_promises.h"
#include "sim/queue/simulation.h"
#include "sim/simulation.h"

namespace monopod::sim {
namespace {

Simulated Records(MakeProtocol make_protocol, Beyond judged) {
  return {
      .store = "records",
      .run =
          [make_protocol, judged](std::uint64_t seed, bool trace) {
            return Simulate(
                {.seed = seed, .trace = trace, .make_protocol = make_protocol, .judged = judged});
          },
      .describe = [](std::uint64_t seed) { return Describe(MakeSchedule(seed)); }};
}

Simulated Etcd(queue::MachineMaker make_machine, Beyond judged) {
  return {
      .store = "etcd",
      .run =
          [make_machine, judged](std::uint64_t seed, bool trace) {
            return queue::Simulate(
                {.seed = seed, .trace = trace, .make_machine = make_machine, .judged = judged});
          },
      .describe = [](std::uint64_t seed) { return queue::Describe(queue::MakeSchedule(seed)); }};
}

bool HasRecords(const std::string& store) { return store != "etcd"; }
bool HasEtcd(const std::string& store) { return store != "records"; }

}  // namespace

std::vector<Simulated> Production(const std::string& store) {
  std::vector<Simulated> all;
  if (HasRecords(store)) all.push_back(Records(MakeProductionProtocol, Beyond::kNothing));
  if (HasEtcd(store)) all.push_back(Etcd(queue::MakeProductionMachine, Beyond::kNothing));
  return all;
}

std::vector<Mistaken> AllMistaken(const std::string& store) {
  std::vector<Mistaken> all;
  if (HasRecords(store)) {
    for (const Mutant& one : AllMutants()) {
      all.push_back({one.name, one.mistake, Records(one.make, Beyond::kNothing)});
    }
  }
  if (HasEtcd(store)) {
    for (const queue::Mutant& one : queue::AllMutants()) {
      all.push_back({one.name, one.mistake, Etcd(one.make, Beyond::kNothing)});
    }
  }
  return all;
}

std::vector<NotPromised> AllNotPromised(const std::string& store) {
  std::vector<NotPromised> all;
  if (HasRecords(store)) {
    for (const NonPromise& one : AllNonPromises()) {
      all.push_back({.name = one.name,
                     .says = one.says,
                     .found = one.found,
                     .concerns = [concerns = one.concerns](
                                     std::uint64_t seed) { return concerns(MakeSchedule(seed)); },
                     .simulated = Records(MakeProductionProtocol, one.judged)});
    }
  }
  if (HasEtcd(store)) {
    for (const queue::NonPromise& one : queue::AllNonPromises()) {
      all.push_back(
          {.name = one.name,
           .says = one.says,
           .found = one.found,
           .concerns = [concerns = one.concerns](
                           std::uint64_t seed) { return concerns(queue::MakeSchedule(seed)); },
           .simulated = Etcd(queue::MakeProductionMachine, one.judged)});
    }
  }
  return all;
}

double CpuSeconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

std::string InvariantOf(const std::string& violation) {
  return violation.substr(0, violation.find(':'));
}

}  // namespace monopod::sim
