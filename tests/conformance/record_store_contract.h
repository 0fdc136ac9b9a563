// What every RecordStore keeps, as a suite of tests.
//
// A store joins with a factory and one line in a test file of its own, which is linked with
// record_store_contract.cc:
//
//   class MyFactory : public RecordStoreFactory {
//     std::shared_ptr<protocol::RecordStore> Open() override { return ...; }
//   };
//   INSTANTIATE_TEST_SUITE_P(My, RecordStoreContractTest, ValuesOf<MyFactory>());
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "src/protocol/record_store.h"

namespace monopod::conformance {

// One state, empty at first, that lives as long as the factory.
class RecordStoreFactory {
 public:
  virtual ~RecordStoreFactory() = default;
  // One more user of that state: a store object as another process would have it, where the
  // store knows processes. Called from one thread at a time.
  virtual std::shared_ptr<protocol::RecordStore> Open() = 0;
};

using MakeFactory = std::function<std::unique_ptr<RecordStoreFactory>()>;

class RecordStoreContractTest : public ::testing::TestWithParam<MakeFactory> {
 protected:
  RecordStoreContractTest() : factory_(GetParam()()), store_(Open()) {}

  std::shared_ptr<protocol::RecordStore> Open() { return factory_->Open(); }

  // Calls on `store_` that must succeed.
  protocol::Written Put(const std::string& name, const protocol::Version& expected,
                        const protocol::Record& record);
  protocol::Snapshot Get(const std::string& name);
  // A call on `store_` that must fail with `code`.
  void ExpectRefused(ErrorCode code, const std::string& name, const protocol::Version& expected);

  const std::unique_ptr<RecordStoreFactory> factory_;
  const std::shared_ptr<protocol::RecordStore> store_;
};

template <class Factory>
auto ValuesOf() {
  return ::testing::Values(MakeFactory([] { return std::make_unique<Factory>(); }));
}

}  // namespace monopod::conformance
