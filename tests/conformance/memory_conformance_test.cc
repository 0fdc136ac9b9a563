#include "src/store/memory_store.h"
#include "tests/conformance/record_store_contract.h"

namespace monopod::conformance {
namespace {

class MemoryFactory : public RecordStoreFactory {
 public:
  // Its users share one object, as they share one process.
  std::shared_ptr<protocol::RecordStore> Open() override { return store_; }

 private:
  const std::shared_ptr<store::MemoryStore> store_ = std::make_shared<store::MemoryStore>();
};

INSTANTIATE_TEST_SUITE_P(Memory, RecordStoreContractTest, ValuesOf<MemoryFactory>());

}  // namespace
}  // namespace monopod::conformance
