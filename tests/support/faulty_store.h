// A store whose calls fail as a test wants: before they reach the real one, or after.
#pragma once

#include <memory>
#include <utility>

#include "src/protocol/record_store.h"
#include "tests/support/faults.h"

namespace monopod::testing {

class FaultyStore : public protocol::RecordStore, public Faults {
 public:
  explicit FaultyStore(std::shared_ptr<protocol::RecordStore> real) : real_(std::move(real)) {}

  Result<protocol::Snapshot> Read(const std::string& name, BootTime deadline) override {
    if (down) return Down();
    return real_->Read(name, deadline);
  }
  Result<protocol::Written> Write(const std::string& name, const protocol::Version& expected,
                                  const protocol::Record& record, BootTime deadline) override {
    if (down) return Down();
    if (Take(lose_requests)) return Fail(ErrorCode::kIndeterminate, "the request was lost");
    auto reply = real_->Write(name, expected, record, deadline);
    if (reply && Take(repeat_requests)) return real_->Write(name, expected, record, deadline);
    if (reply && Take(lose_replies)) return Fail(ErrorCode::kIndeterminate, "the reply was lost");
    return reply;
  }
  Result<std::vector<protocol::Listed>> List(BootTime deadline) override {
    if (down) return Down();
    return real_->List(deadline);
  }
  Result<void> Remove(const std::string& name, const protocol::Version& expected,
                      BootTime deadline) override {
    if (down) return Down();
    return real_->Remove(name, expected, deadline);
  }
  void AwaitChange(std::span<const protocol::Seen> seen, BootTime deadline,
                   const std::stop_token& stop) override {
    real_->AwaitChange(seen, deadline, stop);
  }
  std::vector<protocol::Listed> AwaitNews(std::span<const protocol::Seen> seen, BootTime deadline,
                                          const std::stop_token& stop) override {
    return real_->AwaitNews(seen, deadline, stop);
  }

 private:
  static tl::unexpected<Error> Down() { return Fail(ErrorCode::kUnavailable, "the store is down"); }

  const std::shared_ptr<protocol::RecordStore> real_;
};

}  // namespace monopod::testing
