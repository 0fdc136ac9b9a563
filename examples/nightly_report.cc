// Writes a report that must be written once, whichever of many machines or pods begins it: holds
// a lock while it works, stops when the lock is lost, and hands the fencing token on.
//
//   nightly_report [STORE]      the default store is this machine's
#include <monopod/lock_client.h>

#include <chrono>
#include <iostream>
#include <string>

namespace {

// One step of the work. A real one would pass the token to what it writes to, which refuses a
// token lower than the highest it has seen.
void WritePage(int page, monopod::Token token) {
  std::cout << "page " << page << ", written under token " << token << '\n';
}

int Report(const monopod::Error& error) {
  std::cerr << monopod::ErrorCodeName(error.code) << ": " << error.message << '\n';
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  auto client = monopod::LockClient::Open({.store = argc > 1 ? argv[1] : ""});
  if (!client) return Report(client.error());

  auto acquired = client->Acquire("nightly-report", {.wait = std::chrono::minutes(1)});
  if (!acquired) return Report(acquired.error());
  if (!acquired->lock) {
    std::cerr << acquired->owner.name << " is still at it\n";
    return 75;
  }

  monopod::Lock& lock = *acquired->lock;
  for (int page = 1; page <= 3 && !lock.lost().stop_requested(); ++page) {
    WritePage(page, lock.token());
  }

  // The work is over, whether it was done or interrupted: only now may another begin.
  const auto released = lock.Release();
  return released ? 0 : Report(released.error());
}
