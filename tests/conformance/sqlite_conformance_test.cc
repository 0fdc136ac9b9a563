#include "src/store/sqlite_store.h"
#include "src/store/test_support.h"
#include "tests/conformance/record_store_contract.h"

namespace monopod::conformance {
namespace {

class SqliteFactory : public RecordStoreFactory {
 public:
  std::shared_ptr<protocol::RecordStore> Open() override {
    auto opened = store::SqliteStore::Open({.path = folder_.Path("locks.db")});
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }

 private:
  const store::TempFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(Sqlite, RecordStoreContractTest, ValuesOf<SqliteFactory>());

}  // namespace
}  // namespace monopod::conformance
