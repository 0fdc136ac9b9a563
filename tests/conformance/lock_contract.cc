#include "tests/conformance/lock_contract.h"

#include <utility>

#include "src/base/wait.h"
#include "src/lock/client_impl.h"

namespace monopod::conformance {

using namespace std::chrono_literals;

std::vector<EventKind> LockContractTest::Party::Kinds() const {
  const std::lock_guard guard(*mutex);
  std::vector<EventKind> kinds;
  for (const Event& event : *events) kinds.push_back(event.kind);
  return kinds;
}

LockContractTest::Party LockContractTest::Join(const std::string& name) {
  auto connection = store_->Connect();
  Party party{.faults = connection.faults,
              .events = std::make_shared<std::vector<Event>>(),
              .mutex = std::make_shared<std::mutex>(),
              .client = nullptr};
  auto client = LockClientOverStore::Make(
      {.backend = std::move(connection.backend), .url = "test:", .scope = "this test"},
      {.holder = name, .on_event = [events = party.events, mutex = party.mutex](const Event& e) {
         const std::lock_guard guard(*mutex);
         events->push_back(e);
       }});
  EXPECT_TRUE(client.has_value());
  party.client = std::make_unique<LockClient>(std::move(*client));
  return party;
}

AcquireOptions LockContractTest::Options(std::chrono::nanoseconds wait) {
  AcquireOptions options;
  options.times.ttl = kTtl;
  options.wait = wait;
  return options;
}

Lock LockContractTest::MustAcquire(const Party& party) { return MustAcquire(party, Options(60s)); }

Lock LockContractTest::MustAcquire(const Party& party, const AcquireOptions& options) {
  auto acquired = party.client->Acquire("x", options);
  EXPECT_TRUE(acquired.has_value()) << acquired.error().message;
  EXPECT_TRUE(acquired->lock.has_value());
  return std::move(*acquired->lock);
}

Handle LockContractTest::MustAcquireHandle(const Party& party, bool sticky) {
  auto acquired = party.client->AcquireHandle("x", Options(60s), sticky);
  EXPECT_TRUE(acquired.has_value()) << acquired.error().message;
  EXPECT_TRUE(acquired->handle.has_value());
  return *acquired->handle;
}

void LockContractTest::AwaitLost(const Lock& lock) {
  WaitUntil(BootClock::now() + 30s, lock.lost());
  EXPECT_TRUE(lock.lost().stop_requested());
}

}  // namespace monopod::conformance
