// The stores that need no server join the contract of locks.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <utility>

#include "src/lock/record_backend.h"
#include "src/store/memory_store.h"
#include "src/store/sqlite_store.h"
#include "tests/conformance/lock_contract.h"
#include "tests/support/faulty_store.h"

namespace monopod::conformance {
namespace {

using protocol::RecordStore;

// Of records.
class RecordTestStore : public TestStore {
 public:
  Connection Connect() override {
    auto faulty = std::make_shared<testing::FaultyStore>(Open());
    return {.backend = std::make_shared<lock::RecordBackend>(faulty), .faults = faulty};
  }
  bool Wipe(const std::string& lock) override {
    const auto store = Open();
    const auto there = store->Read(lock, Soon());
    return there && store->Remove(lock, there->version, Soon());
  }
  void HoldForeign(const std::string& lock, const std::string& name) override {
    const auto store = Open();
    const auto free = store->Read(lock, Soon());
    protocol::Record record = free->record;
    record.phase = protocol::Phase::kHeld;
    record.holder.name = name;
    EXPECT_TRUE(store->Write(lock, free->version, record, Soon()).has_value());
  }

 private:
  virtual std::shared_ptr<RecordStore> Open() = 0;
  static BootTime Soon() { return BootClock::now() + std::chrono::seconds(10); }
};

class MemoryTestStore : public RecordTestStore {
 public:
  explicit MemoryTestStore(bool shared_clock)
      : store_(std::make_shared<store::MemoryStore>(
            store::MemoryStoreOptions{.shared_clock = shared_clock})) {}

 private:
  std::shared_ptr<RecordStore> Open() override { return store_; }

  const std::shared_ptr<RecordStore> store_;
};

// `same_boot`: false makes each connection believe that it runs on another machine.
class SqliteTestStore : public RecordTestStore {
 public:
  explicit SqliteTestStore(bool same_boot) : same_boot_(same_boot) {
    std::string path = std::filesystem::temp_directory_path() / "monopod-contract-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) std::abort();
    directory_ = path;
  }
  SqliteTestStore(const SqliteTestStore&) = delete;
  SqliteTestStore& operator=(const SqliteTestStore&) = delete;
  ~SqliteTestStore() override { std::filesystem::remove_all(directory_); }

 private:
  std::shared_ptr<RecordStore> Open() override {
    store::SqliteStoreOptions options{.path = directory_ / "locks.db"};
    if (!same_boot_) {
      options.identity = store::BootIdentity{.boot_id = "boot-" + std::to_string(++connections_)};
    }
    auto opened = store::SqliteStore::Open(options);
    if (!opened) {
      ADD_FAILURE() << opened.error().message;
      std::abort();
    }
    return std::move(*opened);
  }

  const bool same_boot_;
  std::filesystem::path directory_;
  std::atomic<int> connections_{0};
};

INSTANTIATE_TEST_SUITE_P(
    Stores, LockContractTest,
    ::testing::Values(
        StoreKind{.name = "memory", .make = [] { return std::make_unique<MemoryTestStore>(true); }},
        StoreKind{.name = "memory_without_shared_clock",
                  .make = [] { return std::make_unique<MemoryTestStore>(false); }},
        StoreKind{.name = "sqlite", .make = [] { return std::make_unique<SqliteTestStore>(true); }},
        StoreKind{.name = "sqlite_of_other_boots",
                  .make = [] { return std::make_unique<SqliteTestStore>(false); }}),
    NameOf);

}  // namespace
}  // namespace monopod::conformance
