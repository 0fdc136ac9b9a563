#include "tests/faults/etcd_store.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <utility>

#include <fmt/format.h>

#include "src/base/wait.h"
#include "tests/faults/http_get.h"
#include "tests/faults/sandbox.h"

namespace monopod::faults {
namespace {

using std::chrono::milliseconds;

constexpr const char* kHub = "10.77.0.254";
constexpr int kClientPort = 2379;
constexpr int kPeerPort = 2380;
constexpr int kMetricsPort = 2381;
constexpr int kRelayPort = 12379;

std::string Host(std::size_t member) { return fmt::format("10.77.0.{}", member + 1); }
std::string NetworkOf(std::size_t member) { return fmt::format("member{}", member); }
std::string DiskOf(std::size_t member) { return fmt::format("{}/disk{}", kScratch, member); }
std::string Url(std::size_t member, int port) {
  return fmt::format("http://{}:{}", Host(member), port);
}
std::string Endpoints() {
  return Url(0, kClientPort) + "," + Url(1, kClientPort) + "," + Url(2, kClientPort);
}

void Ip(const std::string& words) { MustRun({"sh", "-c", "ip " + words}); }

ToolResult Etcdctl(const std::string& words, std::chrono::seconds patience) {
  return RunTool({"sh", "-c", "etcdctl --endpoints=" + Endpoints() + " " + words}, patience);
}

// Waits until `done`; false if it is not by then.
template <class Condition>
bool Eventually(const Condition& done, std::chrono::seconds patience) {
  const BootTime deadline = BootClock::now() + patience;
  while (!done()) {
    if (BootClock::now() >= deadline) return false;
    WaitUntil(BootClock::now() + milliseconds(20), {});
  }
  return true;
}

void ChangeFreeze(std::size_t member, unsigned long request) {
  const int fd = open(DiskOf(member).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || ioctl(fd, request, 0) != 0) Abort("cannot freeze or thaw " + DiskOf(member));
  close(fd);
}

}  // namespace

EtcdStore::EtcdStore(std::uint64_t seed) {
  MakeNetwork();
  for (std::size_t i = 0; i < kMembers; ++i) {
    MakeDisk(i);
    Start(i);
    members_[i].relay = std::make_unique<Relay>(
        Relay::Options{.listen = {.host = kHub, .port = kRelayPort + static_cast<int>(i)},
                       .target = {.host = Host(i), .port = kClientPort},
                       .seed = seed + i});
  }
  for (std::size_t i = 0; i < kMembers; ++i) AwaitHealthy(i);
}

// So that who waits for its disk can die.
EtcdStore::~EtcdStore() {
  for (std::size_t i = 0; i < kMembers; ++i) {
    if (members_[i].is_frozen) ChangeFreeze(i, FITHAW);
  }
}

std::string EtcdStore::Url(std::uint64_t client) const {
  std::string url = "etcd://";
  for (std::uint64_t i = 0; i < kMembers; ++i) {
    url += fmt::format("{}{}:{}", i == 0 ? "" : ",", kHub,
                       kRelayPort + static_cast<int>((client + i) % kMembers));
  }
  return url;
}

void EtcdStore::MakeNetwork() const {
  Ip("link add hub type bridge");
  Ip(fmt::format("addr add {}/24 dev hub", kHub));
  Ip("link set hub up");
  for (std::size_t i = 0; i < kMembers; ++i) {
    const std::string network = NetworkOf(i);
    Ip(fmt::format("netns add {}", network));
    Ip(fmt::format("link add port{} type veth peer name eth0 netns {}", i, network));
    Ip(fmt::format("link set port{} master hub up", i));
    Ip(fmt::format("-n {} addr add {}/24 dev eth0", network, Host(i)));
    Ip(fmt::format("-n {} link set eth0 up", network));
    Ip(fmt::format("-n {} link set lo up", network));
  }
}

void EtcdStore::MakeDisk(std::size_t member) const {
  const std::string disk = DiskOf(member);
  MustRun({"mkdir", disk});
  MustRun({"truncate", "-s", "600M", disk + ".image"});
  MustRun({"mkfs.ext4", "-q", "-m", "0", disk + ".image"});
  MustRun({"mount", "-o", "loop,discard", disk + ".image", disk});
}

void EtcdStore::Start(std::size_t member) {
  std::string cluster;
  for (std::size_t i = 0; i < kMembers; ++i) {
    cluster += fmt::format("{}{}={}", i == 0 ? "" : ",", NetworkOf(i), faults::Url(i, kPeerPort));
  }
  const std::string clients = faults::Url(member, kClientPort);
  const std::string peers = faults::Url(member, kPeerPort);
  ChildOptions options;
  options.argv = {"etcd",
                  "--name=" + NetworkOf(member),
                  "--data-dir=" + DiskOf(member) + "/data",
                  "--initial-cluster=" + cluster,
                  "--initial-advertise-peer-urls=" + peers,
                  "--listen-peer-urls=" + peers,
                  "--listen-client-urls=" + clients,
                  "--advertise-client-urls=" + clients,
                  "--listen-metrics-urls=" + faults::Url(member, kMetricsPort),
                  "--heartbeat-interval=100",
                  "--election-timeout=500",
                  "--max-wals=2",
                  "--quota-backend-bytes=33554432",
                  "--logger=zap",
                  "--log-level=error"};
  options.network = NetworkOf(member);
  options.log = fmt::format("{}/{}.log", kScratch, NetworkOf(member));
  members_[member].process = std::make_unique<Child>(options);
}

void EtcdStore::AwaitHealthy(std::size_t member) const {
  const auto is_healthy = [member] {
    return HttpGet({.host = Host(member), .port = kMetricsPort}, "/health")
               .find("\"health\":\"true\"") != std::string::npos;
  };
  if (!Eventually(is_healthy, std::chrono::seconds(60))) {
    const auto log = RunTool({"tail", fmt::format("{}/{}.log", kScratch, NetworkOf(member))});
    Abort("a member of etcd does not become healthy:\n" + log.out);
  }
}

bool EtcdStore::Leads(std::size_t member) const {
  return HttpGet({.host = Host(member), .port = kMetricsPort}, "/metrics")
             .find("\netcd_server_is_leader 1\n") != std::string::npos;
}

std::size_t EtcdStore::Leader() const {
  std::size_t leader = 0;
  const auto is_found = [&] {
    for (leader = 0; leader < kMembers; ++leader) {
      if (Leads(leader)) return true;
    }
    return false;
  };
  if (!Eventually(is_found, std::chrono::seconds(30))) Abort("etcd elects no leader");
  return leader;
}

std::size_t EtcdStore::Follower(sim::Random& random) const {
  return (Leader() + 1 + random.Below(kMembers - 1)) % kMembers;
}

void EtcdStore::Signal(const std::vector<std::size_t>& members, int signal) {
  for (const std::size_t member : members) members_[member].process->Signal(signal);
}

void EtcdStore::Lose(std::size_t from, std::size_t to) {
  members_[from].has_holes = true;
  Ip(fmt::format("-n {} route replace blackhole {}/32", NetworkOf(from), Host(to)));
}

void EtcdStore::CutOff(std::size_t member) {
  members_[member].is_cut = true;
  Ip(fmt::format("link set port{} down", member));
}

void EtcdStore::FreezeDisk(std::size_t member) {
  members_[member].is_frozen = true;
  ChangeFreeze(member, FIFREEZE);
}

// Until the alarm NOSPACE.
void EtcdStore::FillUp() {
  RunTool({"sh", "-c",
           "export E=--endpoints=" + Endpoints() +
               "; head -c 1000000 /dev/zero | tr '\\0' x >/run/monopod-faults/junk; "
               "for i in $(seq 80); do etcdctl $E put junk </run/monopod-faults/junk >/dev/null "
               "2>&1 || { etcdctl $E alarm list | grep -q NOSPACE && exit 0; }; done; exit 1"});
}

void EtcdStore::Compact() {
  RunTool({"sh", "-c",
           "E=--endpoints=" + Endpoints() +
               "; R=$(etcdctl $E get none -w json | grep -o '\"revision\":[0-9]*' | cut -d: -f2);"
               " etcdctl $E compact \"$R\""});
}

void EtcdStore::RestartOneByOne() {
  for (std::size_t i = 0; i < kMembers; ++i) {
    Child& process = *members_[i].process;
    process.Signal(SIGTERM);
    if (!Eventually([&process] { return !process.IsRunning(); }, std::chrono::seconds(20))) {
      process.Signal(SIGKILL);
    }
    Start(i);
    AwaitHealthy(i);
  }
}

void EtcdStore::Slow(sim::Random& random) {
  for (Member& member : members_) {
    member.relay->Set({.delay = milliseconds(random.Below(120)),
                       .spread = milliseconds(1 + random.Below(150)),
                       .loss = 0.03,
                       .broken = 0.002});
  }
}

void EtcdStore::Heal() {
  for (std::size_t i = 0; i < kMembers; ++i) {
    Member& member = members_[i];
    member.relay->Set({});
    if (std::exchange(member.is_frozen, false)) ChangeFreeze(i, FITHAW);
    if (std::exchange(member.is_cut, false)) Ip(fmt::format("link set port{} up", i));
    if (std::exchange(member.has_holes, false)) {
      Ip(fmt::format("-n {} route flush type blackhole", NetworkOf(i)));
    }
    member.process->Signal(SIGCONT);
    if (!member.process->IsRunning()) Start(i);
  }
  for (std::size_t i = 0; i < kMembers; ++i) AwaitHealthy(i);
}

// Before Heal: a member is not healthy while there is an alarm.
void EtcdStore::Tidy() {
  Compact();
  Etcdctl("defrag", std::chrono::seconds(30));
  Etcdctl("alarm disarm", std::chrono::seconds(10));
  Heal();
}

std::string EtcdStore::ReadSet(const std::string& lock) {
  ToolResult result;
  // What was put before is what a read after it must show, on whichever member.
  const auto is_read = [&] {
    if (Etcdctl("put quiet 1", std::chrono::seconds(10)).code != 0) return false;
    result = Etcdctl("get " + PlaceOfSet(lock) + " --print-value-only", std::chrono::seconds(10));
    return result.code == 0;
  };
  if (!Eventually(is_read, std::chrono::seconds(60))) Abort("etcd does not answer a read");
  return result.out;
}

std::vector<Fault> EtcdStore::Faults() {
  std::vector<Fault> faults = FaultsOfProcesses();
  for (Fault& fault : FaultsOfNetwork()) faults.push_back(std::move(fault));
  for (Fault& fault : faults) fault.heal = [this] { Heal(); };
  faults.push_back({.name = "nospace",
                    .inject = [this](sim::Random&) { FillUp(); },
                    .heal = [this] { Tidy(); }});
  faults.push_back({.name = "none", .kind = Fault::Kind::kNothing});
  faults.push_back({.name = "kill-clients", .kind = Fault::Kind::kKillClients});
  faults.push_back({.name = "stop-clients", .kind = Fault::Kind::kStopClients});
  faults.push_back({.name = "offset-clocks", .kind = Fault::Kind::kOffsetClocks});
  return faults;
}

std::vector<Fault> EtcdStore::FaultsOfProcesses() {
  const auto signal = [this](const std::string& name, int number) {
    return std::vector<Fault>{
        {.name = name + "-leader",
         .inject = [this, number](sim::Random&) { Signal({Leader()}, number); }},
        {.name = name + "-follower",
         .inject = [this, number](sim::Random& random) { Signal({Follower(random)}, number); }},
        {.name = name + "-all",
         .inject = [this, number](sim::Random&) { Signal({0, 1, 2}, number); }}};
  };
  std::vector<Fault> faults = signal("kill", SIGKILL);
  for (Fault& fault : signal("stop", SIGSTOP)) faults.push_back(std::move(fault));
  // A leader that waits so long for its disk is replaced without knowing it, and ends leases later.
  faults.push_back({.name = "frozen-disk",
                    .inject = [this](sim::Random&) { FreezeDisk(Leader()); },
                    .stretch = 3});
  faults.push_back({.name = "compaction", .inject = [this](sim::Random&) { Compact(); }});
  faults.push_back(
      {.name = "rolling-restart", .inject = [this](sim::Random&) { RestartOneByOne(); }});
  return faults;
}

std::vector<Fault> EtcdStore::FaultsOfNetwork() {
  std::vector<Fault> faults;
  // The leader, which still hears its clients, from the majority.
  faults.push_back({.name = "partition-majority", .inject = [this](sim::Random&) {
                      const std::size_t leader = Leader();
                      for (const std::size_t step : {1U, 2U}) {
                        Lose(leader, (leader + step) % kMembers);
                        Lose((leader + step) % kMembers, leader);
                      }
                    }});
  faults.push_back(
      {.name = "partition-leader-off", .inject = [this](sim::Random&) { CutOff(Leader()); }});
  faults.push_back({.name = "partition-one-way", .inject = [this](sim::Random& random) {
                      const std::size_t leader = Leader();
                      const bool outward = random.Chance(0.5);
                      for (const std::size_t step : {1U, 2U}) {
                        const std::size_t other = (leader + step) % kMembers;
                        Lose(outward ? leader : other, outward ? other : leader);
                      }
                    }});
  faults.push_back({.name = "partition-ring", .inject = [this](sim::Random&) {
                      for (std::size_t i = 0; i < kMembers; ++i) Lose(i, (i + 1) % kMembers);
                    }});
  faults.push_back(
      {.name = "slow-network", .inject = [this](sim::Random& random) { Slow(random); }});
  return faults;
}

}  // namespace monopod::faults
