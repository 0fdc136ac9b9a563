// What a lock on SQLite costs, measured in raw synchronous transactions of the same file system:
// disks differ a thousandfold, and one disk from minute to minute, but the ratio little.
//
//   monopod-bench        files go to $TMPDIR or /var/tmp
#include <monopod/lock_client.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/clock.h"

namespace {

using monopod::BootClock;
using monopod::BootTime;

constexpr int kRounds = 9;
constexpr std::chrono::milliseconds kLength(500);  // of a measurement; three are a round

[[noreturn]] void Die(const std::string& message) {
  std::fprintf(stderr, "monopod-bench: %s\n", message.c_str());
  std::_Exit(1);
}

using Step = std::function<void()>;
// Opens what a process needs, and returns what it then repeats.
using Work = std::function<Step()>;

void Run(sqlite3* database, const char* statement) {
  if (sqlite3_exec(database, statement, nullptr, nullptr, nullptr) != SQLITE_OK) {
    Die(sqlite3_errmsg(database));
  }
}

// The least that a durable change costs: one row, one transaction.
Step RawTransaction(const std::string& folder) {
  sqlite3* opened = nullptr;
  if (sqlite3_open((folder + "/raw.db").c_str(), &opened) != SQLITE_OK) Die("cannot open");
  const std::shared_ptr<sqlite3> database(opened, sqlite3_close);
  Run(opened, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
  Run(opened, "CREATE TABLE IF NOT EXISTS item (name TEXT PRIMARY KEY, value INTEGER)");
  Run(opened, "INSERT OR IGNORE INTO item VALUES ('a', 0)");
  return [database] {
    Run(database.get(), "BEGIN IMMEDIATE; UPDATE item SET value = value + 1; COMMIT");
  };
}

Step AcquireAndRelease(const std::string& folder) {
  auto opened = monopod::LockClient::Open({.store = "sqlite:" + folder + "/locks.db"});
  if (!opened) Die(opened.error().message);
  const auto client = std::make_shared<monopod::LockClient>(std::move(*opened));
  return [client] {
    auto acquired = client->Acquire("bench", {.wait = std::nullopt});
    if (!acquired) Die(acquired.error().message);
    if (!acquired->lock) Die("an endless wait ended");
    if (auto released = acquired->lock->Release(); !released) Die(released.error().message);
  };
}

// What measuring processes share. All begin at once: when `go`'s writing end is closed.
struct Shared {
  std::atomic<std::uint64_t> count{0};
  std::array<int, 2> ready{};
  std::array<int, 2> go{};
};

[[noreturn]] void Measure(Shared& shared, const Work& work) {
  close(shared.go[1]);
  const Step step = work();
  char byte = 0;
  if (write(shared.ready[1], &byte, 1) != 1) Die("cannot say ready");
  close(shared.ready[1]);
  if (read(shared.go[0], &byte, 1) != 0) Die("cannot wait to begin");
  const BootTime deadline = BootClock::now() + kLength;
  while (BootClock::now() < deadline) {
    step();
    ++shared.count;
  }
  std::_Exit(0);
}

// How many times a second that many processes together do the work.
double Rate(int processes, const Work& work) {
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) Die("no shared memory");
  auto* shared = new (memory) Shared;
  if (pipe(shared->ready.data()) != 0 || pipe(shared->go.data()) != 0) Die("no pipe");
  for (int i = 0; i < processes; ++i) {
    const pid_t child = fork();
    if (child < 0) Die("cannot fork");
    if (child == 0) Measure(*shared, work);
  }
  close(shared->ready[1]);
  close(shared->go[0]);
  for (int i = 0; i < processes; ++i) {
    char byte = 0;
    if (read(shared->ready[0], &byte, 1) != 1) Die("a measuring process failed");
  }
  close(shared->ready[0]);
  const BootTime start = BootClock::now();
  close(shared->go[1]);
  for (int i = 0; i < processes; ++i) {
    int status = 0;
    if (wait(&status) < 0 || status != 0) Die("a measuring process failed");
  }
  const std::chrono::duration<double> taken = BootClock::now() - start;
  const double rate = static_cast<double>(shared->count.load()) / taken.count();
  munmap(memory, sizeof(Shared));
  return rate;
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

struct Measurement {
  const char* name;
  int processes;
  Work work;
  std::vector<double> rates;
  std::vector<double> costs;  // in raw transactions of the same round
};

}  // namespace

int main() {
  const char* temporary = std::getenv("TMPDIR");
  std::string folder =
      std::string(temporary != nullptr ? temporary : "/var/tmp") + "/monopod-bench.XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) Die("cannot make " + folder);

  const Work raw = [&] { return RawTransaction(folder); };
  const Work cycle = [&] { return AcquireAndRelease(folder); };
  std::array measurements{Measurement{"raw synchronous transaction", 1, raw, {}, {}},
                          Measurement{"acquire and release, uncontended", 1, cycle, {}, {}},
                          Measurement{"hand-over among 16 processes", 16, cycle, {}, {}}};
  for (int round = 0; round < kRounds; ++round) {
    for (auto& each : measurements) {
      each.rates.push_back(Rate(each.processes, each.work));
      each.costs.push_back(measurements[0].rates.back() / each.rates.back());
    }
  }
  std::filesystem::remove_all(folder);

  for (const auto& each : measurements) {
    std::printf("%-34s %8.0f/s   costs %5.2f raw transactions\n", each.name, Median(each.rates),
                Median(each.costs));
  }
  return 0;
}
