#include "tests/faults/kube_store.h"

#include "tests/faults/sandbox.h"
#include "tests/faults/shared_set.h"
#include "tests/support/process.h"

namespace monopod::faults {

using std::chrono::milliseconds;
using testing::KubeFaults;

KubeStore::KubeStore(std::string kind) : kind_(std::move(kind)) {
  testing::WriteFile(std::string(kScratch) + "/kubeconfig-" + kind_, server_.Kubeconfig("admin"));
}

std::vector<std::pair<std::string, std::string>> KubeStore::Environment() const {
  return {{"KUBECONFIG", std::string(kScratch) + "/kubeconfig-" + kind_}};
}

std::string KubeStore::PlaceOfSet(const std::string& lock) const {
  return std::string(kScratch) + "/" + lock + ".set";
}

std::string KubeStore::ReadSet(const std::string& lock) {
  return TextOfSetInFile(PlaceOfSet(lock));
}

void KubeStore::Heal() {
  server_.ClearFaults();
  if (std::exchange(is_frozen_, false)) server_.Thaw();
  if (std::exchange(is_stopped_, false)) server_.Start();
  server_.ResumeWatchCache();
}

std::vector<Fault> KubeStore::Faults() {
  std::vector<Fault> faults = FaultsOfConnections();
  for (Fault& fault : FaultsOfAnswers()) faults.push_back(std::move(fault));
  for (Fault& fault : faults) fault.heal = [this] { Heal(); };
  faults.push_back({.name = "none", .kind = Fault::Kind::kNothing});
  faults.push_back({.name = "kill-clients", .kind = Fault::Kind::kKillClients});
  faults.push_back({.name = "stop-clients", .kind = Fault::Kind::kStopClients});
  faults.push_back({.name = "offset-clocks", .kind = Fault::Kind::kOffsetClocks});
  return faults;
}

std::vector<Fault> KubeStore::FaultsOfConnections() {
  std::vector<Fault> faults;
  // What has arrived when it goes on is done then, however late.
  faults.push_back({.name = "frozen-server", .inject = [this](sim::Random&) {
                      server_.Freeze();
                      is_frozen_ = true;
                    }});
  faults.push_back({.name = "stopped-server", .inject = [this](sim::Random&) {
                      server_.Stop();
                      is_stopped_ = true;
                    }});
  faults.push_back({.name = "dead-connections", .inject = [this](sim::Random& random) {
                      random.Chance(0.5) ? server_.SilenceConnections() : server_.CutConnections();
                    }});
  faults.push_back({.name = "stale-cache", .inject = [this](sim::Random& random) {
                      server_.PauseWatchCache();
                      random.Chance(0.5) ? server_.ExpireWatches() : server_.CutWatches();
                      server_.Compact();
                    }});
  return faults;
}

std::vector<Fault> KubeStore::FaultsOfAnswers() {
  const auto of = [this](const char* name, const KubeFaults& faults) {
    return Fault{.name = name, .inject = [this, faults](sim::Random& random) {
                   KubeFaults seeded = faults;
                   seeded.seed = random.Next();
                   server_.SetFaults(seeded);
                 }};
  };
  return {of("lost-messages", {.lost_request = 0.2, .lost_reply = 0.2}),
          of("refusals", {.too_many_requests = 0.2, .internal_error = 0.1, .unavailable = 0.2}),
          of("slow-server", {.delay = milliseconds(50), .delay_spread = milliseconds(400)})};
}

}  // namespace monopod::faults
