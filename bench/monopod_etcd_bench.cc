// What a lock on etcd costs, measured in single puts of one client to the same server in the same
// run: disks and machines differ, the ratio little.
//
//   monopod-etcd-bench [URL]     without one: an etcd of its own, with its data in $TMPDIR
#include <fmt/format.h>
#include <monopod/lock_client.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "src/base/clock.h"
#include "src/base/wait.h"
#include "src/etcd/client/client.h"
#include "tests/support/etcd_server.h"

namespace {

using monopod::BootClock;
using monopod::BootTime;
using monopod::LockClient;

constexpr int kRounds = 5;
constexpr std::chrono::milliseconds kLength(1000);  // of a measurement

[[noreturn]] void Die(const std::string& message) {
  fmt::print(stderr, "monopod-etcd-bench: {}\n", message);
  std::_Exit(1);
}

using Step = std::function<void()>;
// Opens what a client needs, and returns what it then repeats.
using Work = std::function<Step(const std::string& url)>;

// The least that a change costs: one key, one proposal.
Step SinglePut(const std::string& url) {
  const auto options = monopod::etcd::Resolve(url, {}, monopod::etcd::ProcessEnvironment());
  if (!options) Die(options.error().message);
  const std::shared_ptr<monopod::etcd::Client> client = monopod::etcd::MakeClient(*options);
  return [client] {
    const auto put =
        client->Transact({.compares = {}, .then = {monopod::etcd::Put{"bench/put", "x", 0}}},
                         BootClock::now() + std::chrono::seconds(10));
    if (!put) Die(put.error().message);
  };
}

Step AcquireAndRelease(const std::string& url) {
  auto opened = LockClient::Open({.store = url, .holder = "bench"});
  if (!opened) Die(opened.error().message);
  const auto client = std::make_shared<LockClient>(std::move(*opened));
  return [client] {
    auto acquired = client->Acquire("bench", {.wait = std::nullopt});
    if (!acquired) Die(acquired.error().message);
    if (!acquired->lock) Die("an endless wait ended");
    if (auto released = acquired->lock->Release(); !released) Die(released.error().message);
  };
}

// How many times a second that many clients together do the work.
double Rate(const std::string& url, int clients, const Work& work) {
  std::atomic<std::uint64_t> count{0};
  std::atomic<int> ready{0};
  std::atomic<bool> counts{false};
  std::atomic<bool> ends{false};
  std::vector<std::jthread> threads;
  for (int i = 0; i < clients; ++i) {
    threads.emplace_back([&] {
      const Step step = work(url);
      step();
      ++ready;
      while (!ends) {
        step();
        if (counts) ++count;
      }
    });
  }
  while (ready < clients) std::this_thread::yield();
  counts = true;
  const BootTime start = BootClock::now();
  monopod::WaitUntil(start + kLength, {});
  counts = false;
  const std::chrono::duration<double> taken = BootClock::now() - start;
  ends = true;
  return static_cast<double>(count.load()) / taken.count();
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

struct Measurement {
  std::string name;
  int clients;
  Work work;
  std::vector<double> rates = {};
  std::vector<double> ratios = {};  // to the single puts of the same round
};

}  // namespace

int main(int argc, char** argv) {
  monopod::etcd::SilenceTransport();
  std::optional<monopod::testing::EtcdServer> server;
  if (argc < 2)
    server.emplace(monopod::testing::EtcdOptions{
        .flags = {"--heartbeat-interval=100", "--election-timeout=1000"}});
  const std::string url = argc < 2 ? server->Url() : argv[1];

  std::vector<Measurement> measurements = {
      {.name = "single puts", .clients = 1, .work = SinglePut},
      {.name = "acquire and release, uncontended", .clients = 1, .work = AcquireAndRelease}};
  for (const int clients : {2, 4, 16, 64}) {
    measurements.push_back({.name = fmt::format("one lock passed on among {} clients", clients),
                            .clients = clients,
                            .work = AcquireAndRelease});
  }
  for (int round = 0; round < kRounds; ++round) {
    for (Measurement& one : measurements) {
      one.rates.push_back(Rate(url, one.clients, one.work));
      one.ratios.push_back(one.rates.back() / measurements.front().rates.back());
    }
  }
  fmt::print("{:<40} {:>10} {:>16}\n", "", "per second", "of single puts");
  for (const Measurement& one : measurements) {
    fmt::print("{:<40} {:>10.0f} {:>16.2f}\n", one.name, Median(one.rates), Median(one.ratios));
  }
  return 0;
}
