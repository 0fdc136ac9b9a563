#include "tests/faults/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "monopod/election.h"
#include "monopod/lock_client.h"
#include "sim/random.h"
#include "src/base/clock.h"
#include "src/base/wait.h"
#include "tests/faults/set_writer.h"
#include "tests/faults/shared_set.h"
#include "tests/faults/teller.h"

namespace monopod::faults {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Before any thread: SIGTERM is taken by one of its own, and ends the waits of all.
std::stop_token StopAtSigterm() {
  static std::stop_source source;
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &term, nullptr);
  std::thread([term] {
    int signal = 0;
    while (sigwait(&term, &signal) != 0) {
    }
    source.request_stop();
  }).detach();
  return source.get_token();
}

class Worker {
 public:
  explicit Worker(const WorkerOptions& options)
      : options_(options),
        teller_(options.clock_offset),
        random_(options.serial * 7919),
        stop_(StopAtSigterm()) {}

  int Run() {
    if (options_.workload == Workload::kElection) return Campaign();
    auto client = LockClient::Open(client_options());
    if (!client) return Fail(client.error());
    std::optional<SetWriter> writer;
    if (!options_.set.empty()) {
      auto set = MakeSet();
      if (set == nullptr) return Fail({.message = "there can be no set"});
      writer.emplace(std::move(set), options_.serial, &teller_);
    }
    while (!stop_.stop_requested()) {
      Cycle(*client, writer ? &*writer : nullptr);
      WaitUntil(BootClock::now() + Draw({.from = milliseconds(0), .to = milliseconds(60)}), stop_);
    }
    return 0;
  }

 private:
  std::unique_ptr<SharedSet> MakeSet() const {
    const SharedSetOptions set{.place = options_.set,
                               .is_guarded = options_.workload == Workload::kSet};
    return options_.store.starts_with("etcd") ? SetInEtcd(options_.store, set) : SetInFile(set);
  }
  ClientOptions client_options() const {
    ClientOptions client;
    client.store = options_.store;
    client.store_timeout = options_.ttl;
    return client;
  }
  int Fail(const Error& error) const {
    std::cerr << WorkloadName(options_.workload) << ": " << error.message << '\n';
    return 1;
  }
  nanoseconds Draw(const sim::Random::Range& range) { return random_.In(range); }

  void Cycle(LockClient& client, SetWriter* writer) {
    AcquireOptions acquire;
    acquire.wait = std::chrono::seconds(10);
    acquire.times.ttl = options_.ttl;
    acquire.cancel = stop_;
    if (options_.workload == Workload::kSlots) acquire.slots = 2;
    teller_.Tell("invoke");
    auto acquired = client.Acquire(options_.lock, acquire);
    if (!acquired || !acquired->lock) {
      if (!acquired) (void)Fail(acquired.error());
      teller_.Tell("none");
      // While there is no store, do not ask a thousand times a second.
      WaitUntil(BootClock::now() + milliseconds(acquired ? 0 : 200), stop_);
      return;
    }
    Lock& lock = *acquired->lock;
    teller_.Tell("held", fmt::format("{}", lock.token()));
    if (writer != nullptr) {
      writer->Add(client, lock, random_);
    } else {
      Work(lock.lost(), [&lock] { return lock.time_left(); });
    }
    teller_.Tell("over");
    const auto released = lock.Release();
    teller_.Tell(released ? "released" : "kept");
  }

  // Nothing but to be there, until it is done or must not be.
  template <class TimeLeft>
  void Work(const std::stop_token& lost, const TimeLeft& time_left) {
    const BootTime done =
        BootClock::now() + Draw({.from = milliseconds(5), .to = milliseconds(400)});
    while (!lost.stop_requested()) {
      const BootTime now = BootClock::now();
      const nanoseconds left = time_left();
      if (now >= done || left <= nanoseconds(0)) return;
      WaitUntil(std::min(done, now + left), lost);
    }
  }

  int Campaign() {
    ElectionOptions election;
    election.name = options_.lock;
    election.times.ttl = options_.ttl;
    election.on_started = [this](const Leadership& leadership, const std::stop_token& over) {
      teller_.Tell("held", fmt::format("{}", leadership.token()));
      Work(over, [&leadership] { return leadership.time_left(); });
      teller_.Tell("over");
    };
    election.on_retry = [this](const Error& error, nanoseconds /*wait*/) { (void)Fail(error); };
    auto opened = Election::Open(client_options(), election);
    if (!opened) return Fail(opened.error());
    while (!stop_.stop_requested()) {
      teller_.Tell("invoke");
      const auto end = opened->Run(stop_);
      if (!end) (void)Fail(end.error());
      teller_.Tell(end && !end->release_error ? "released" : "kept");
      WaitUntil(BootClock::now() + Draw({.from = milliseconds(0), .to = milliseconds(60)}), stop_);
    }
    return 0;
  }

  const WorkerOptions options_;
  const Teller teller_;
  sim::Random random_;
  const std::stop_token stop_;
};

}  // namespace

int RunWorker(const WorkerOptions& options) { return Worker(options).Run(); }

int RunWork(const WorkOptions& options) {
  const Teller teller(options.clock_offset);
  const char* token = std::getenv("MONOPOD_TOKEN");
  teller.Tell("held", token == nullptr ? "0" : token);
  // Descendants inherit the descriptor; the kernel lets the lock go when the last of them is dead.
  const int fd = open(options.file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) teller.Tell("overlap");
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGTERM, SIG_IGN);
    while (true) pause();
  }
  sim::Random random(options.serial * 104'729);
  const BootTime done =
      BootClock::now() + random.In({.from = milliseconds(50), .to = milliseconds(600)});
  while (BootClock::now() < done) {
    WaitUntil(std::min(done, BootClock::now() + milliseconds(20)), {});
    teller.Tell("beat");
  }
  kill(child, SIGKILL);
  teller.Tell("over");
  return 0;
}

}  // namespace monopod::faults
