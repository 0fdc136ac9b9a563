// Carries out what a record machine asks for.
#pragma once

#include <memory>

#include "src/lock/driver.h"
#include "src/protocol/record_machine.h"
#include "src/protocol/record_store.h"

namespace monopod::lock {

class RecordDriver : public Driver {
 public:
  RecordDriver(std::shared_ptr<protocol::RecordStore> store, protocol::Claim claim, EventSink sink);

  void Stop(BootTime end_by) override { machine_.Stop(end_by); }
  std::optional<protocol::Tenure> tenure() const override { return machine_.tenure(); }
  Token token() const override { return machine_.token(); }
  int slot() const override { return machine_.slot(); }
  bool ends_in_time() const override { return store_->ends_in_time(); }

 private:
  Progress Act(const std::stop_token& wake) override;

  const std::shared_ptr<protocol::RecordStore> store_;
  protocol::RecordMachine machine_;
};

}  // namespace monopod::lock
