// monopod-faults: locks on a real cluster under real faults, and what they protect.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "src/base/clock.h"
#include "tests/faults/child.h"
#include "tests/faults/etcd_store.h"
#include "tests/faults/kube_store.h"
#include "tests/faults/report.h"
#include "tests/faults/sandbox.h"
#include "tests/faults/stage.h"
#include "tests/faults/worker.h"
#include "tests/support/process.h"

namespace monopod::faults {
namespace {

constexpr const char* kFooter =
    R"(Three members of etcd 3.4 and the Kubernetes API server of the tests,
in namespaces that vanish with the program; it needs root, etcd and etcdctl, ip, and loop devices.
Every episode has its own locks and one class of faults. Prints a line an episode, then a table:

  acquires   of each workload; sets: both, guarded and control
  overlaps   of work that is promised not to. of those stopped: where a client was stopped (SIGSTOP)
             within its work, which only `run` can end; there the tokens are judged
  lost       acknowledged writes that are not there at the end, of all; control: without guards
  no one     the longest time between two holders of the mutex

Ends with 0 if nothing was violated, and, in a run of ten minutes or more, the control has lost
writes; else with 1, and the histories are kept. The same seed gives the same faults, but not the
same timing.)";

struct Settings {
  double minutes = 5;
  std::uint64_t seed = 0;
  std::string store = "all";
  std::string only;
  int episodes = 0;  // 0: as many as there is time for
  std::string keep = ".";
  std::string monopod;
};

// What an episode can be.
struct Scene {
  Store* store = nullptr;
  Fault fault;
  std::string Name() const { return store->name() + "/" + fault.name; }
};

std::string Self() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

class Trial {
 public:
  explicit Trial(const Settings& settings)
      : settings_(settings), random_(settings.seed), begin_(BootClock::now()) {
    MustRun({"ip", "link", "set", "lo", "up"});
    setenv("TMPDIR", kScratch, 1);  // what the servers keep goes with the sandbox
    const auto is_wanted = [&](const std::string& name) {
      return settings.store == "all" || settings.store == name;
    };
    if (is_wanted("etcd")) stores_.push_back(std::make_unique<EtcdStore>(settings.seed));
    for (const char* kind : {"configmap", "lease"}) {
      if (is_wanted(kind)) stores_.push_back(std::make_unique<KubeStore>(kind));
    }
    for (const auto& store : stores_) {
      for (Fault& fault : store->Faults()) {
        if (!settings.only.empty() && fault.name != settings.only) continue;
        scenes_.push_back({.store = store.get(), .fault = std::move(fault)});
      }
    }
  }

  int Run() {
    if (scenes_.empty()) {
      std::cerr << "monopod-faults: no class of faults is called " << settings_.only << '\n';
      return 64;
    }
    int episode = 0;
    while (!IsAskedToEnd()) {
      const std::size_t place = static_cast<std::size_t>(episode) % scenes_.size();
      if (place == 0) Shuffle();
      Play(scenes_[place], ++episode);
      if (settings_.episodes > 0 ? episode >= settings_.episodes : Elapsed() >= settings_.minutes) {
        break;
      }
    }
    return Conclude();
  }

 private:
  double Elapsed() const {
    return std::chrono::duration<double>(BootClock::now() - begin_).count() / 60;
  }

  void Shuffle() {
    for (std::size_t i = scenes_.size(); i > 1; --i) {
      std::swap(scenes_[i - 1], scenes_[random_.Below(i)]);
    }
  }

  void Play(const Scene& scene, int episode) {
    Stage stage({.self = Self(),
                 .monopod = settings_.monopod,
                 .name = fmt::format("{}", episode),
                 .seed = random_.Next(),
                 .length = 6 * scene.store->ttl()},
                scene.store);
    const Played played = stage.Play(scene.fault);
    if (IsAskedToEnd()) return;  // half an episode shows nothing
    const Verdict verdict = JudgeEpisode(played, scene.fault);
    report_.Add(scene.Name(), verdict.row);
    fmt::print("{:6.1f} min  {:<28} {}\n", Elapsed(), scene.Name(), ToText(verdict.row));
    std::fflush(stdout);
    if (!verdict.violations.empty()) Keep(scene, episode, Describe(played, verdict.violations));
    std::error_code ignored;
    std::filesystem::remove(std::string(kScratch) + "/clients.log", ignored);
    scene.store->Tidy();
  }

  void Keep(const Scene& scene, int episode, const std::string& description) {
    ++violated_;
    const std::string path = std::filesystem::absolute(settings_.keep) /
                             fmt::format("faults-{}-{}.txt", settings_.seed, episode);
    testing::WriteFile(path, scene.Name() + "\n" + description + "\nwhat clients said:\n" +
                                 testing::ReadFile(std::string(kScratch) + "/clients.log"));
    fmt::print("VIOLATION: {}\n  the histories are in {}\n",
               description.substr(0, description.find("\n\n")), path);
    std::fflush(stdout);
  }

  int Conclude() {
    const Row total = report_.Total();
    fmt::print("\n{}\nseed {}, {:.1f} minutes, {} episodes with a violation\n", report_.Table(),
               settings_.seed, Elapsed(), violated_);
    if (violated_ > 0) return 1;
    // A control that loses nothing shows that nothing was tried.
    if (Elapsed() >= 10 && total.control_added > 0 && total.control_lost == 0) {
      fmt::print("the control without guards has lost nothing: the faults are too weak\n");
      return 1;
    }
    return IsAskedToEnd() ? 130 : 0;
  }

  const Settings settings_;
  sim::Random random_;
  const BootTime begin_;
  std::vector<std::unique_ptr<Store>> stores_;
  std::vector<Scene> scenes_;
  Report report_;
  int violated_ = 0;
};

int RunTrial(Settings settings) {
  if (settings.seed == 0) settings.seed = std::random_device()();
  if (settings.monopod.empty()) {
    settings.monopod = std::filesystem::path(Self()).replace_filename("monopod");
  }
  if (access(settings.monopod.c_str(), X_OK) != 0) {
    std::cerr << "monopod-faults: there is no " << settings.monopod << '\n';
    return 64;
  }
  // The caller's own cluster must not be reached.
  for (const char* variable : {"ETCDCTL_ENDPOINTS", "ETCDCTL_CACERT", "ETCDCTL_CERT", "ETCDCTL_KEY",
                               "ETCDCTL_USER", "ETCDCTL_PASSWORD", "KUBECONFIG", "MONOPOD_STORE"}) {
    unsetenv(variable);
  }
  std::cout << "seed " << settings.seed << std::endl;
  return RunInSandbox([&settings] { return Trial(settings).Run(); });
}

Workload WorkloadOf(const std::string& name) {
  const auto* found =
      std::find_if(std::begin(kWorkloads), std::end(kWorkloads),
                   [&name](Workload workload) { return WorkloadName(workload) == name; });
  if (found == std::end(kWorkloads)) Abort("no workload is called " + name);
  return *found;
}

void AddClients(CLI::App& app, std::function<int()>* action) {
  struct Flags {
    WorkerOptions worker;
    WorkOptions work;
    std::string workload;
    std::int64_t ttl = 2;
    std::uint64_t serial = 1;
    std::int64_t clock_offset = 0;
  };
  const auto flags = std::make_shared<Flags>();
  CLI::App* worker = app.add_subcommand("worker", "A client of a trial")->group("");
  CLI::App* work = app.add_subcommand("work", "The command of a client")->group("");
  worker->add_option("--workload", flags->workload);
  worker->add_option("--store", flags->worker.store);
  worker->add_option("--lock", flags->worker.lock);
  worker->add_option("--set", flags->worker.set);
  worker->add_option("--ttl", flags->ttl);
  work->add_option("--file", flags->work.file);
  for (CLI::App* command : {worker, work}) {
    command->add_option("--serial", flags->serial);
    command->add_option("--clock-offset", flags->clock_offset);
  }
  worker->callback([flags, action] {
    flags->worker.workload = WorkloadOf(flags->workload);
    flags->worker.ttl = std::chrono::seconds(flags->ttl);
    flags->worker.serial = flags->serial;
    flags->worker.clock_offset = std::chrono::seconds(flags->clock_offset);
    *action = [flags] { return RunWorker(flags->worker); };
  });
  work->callback([flags, action] {
    flags->work.serial = flags->serial;
    flags->work.clock_offset = std::chrono::seconds(flags->clock_offset);
    *action = [flags] { return RunWork(flags->work); };
  });
}

int Main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Tries locks under faults: on three etcd members and on a Kubernetes API server.");
  app.footer(kFooter);
  app.add_option("--minutes", settings.minutes, "How long; the last episode ends a little later")
      ->capture_default_str();
  app.add_option("--seed", settings.seed, "Of the choice of faults (default: any; it is printed)");
  app.add_option("--store", settings.store, "etcd, configmap, lease or all")
      ->check(CLI::IsMember({"etcd", "configmap", "lease", "all"}));
  app.add_option("--only", settings.only, "This class of faults only, for example kill-leader");
  app.add_option("--episodes", settings.episodes, "So many, whatever time they take");
  app.add_option("--keep", settings.keep, "Folder for the histories of a failure (default: .)");
  app.add_option("--monopod", settings.monopod, "The program to try (default: beside this one)");
  std::function<int()> action = [&settings] { return RunTrial(settings); };
  AddClients(app, &action);
  CLI11_PARSE(app, argc, argv);
  return action();
}

}  // namespace
}  // namespace monopod::faults

int main(int argc, char** argv) { return monopod::faults::Main(argc, argv); }
