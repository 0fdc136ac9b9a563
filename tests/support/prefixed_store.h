// A store whose records have names of their own in one that others use, too.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "src/protocol/record_store.h"

namespace monopod::testing {

class PrefixedStore : public protocol::RecordStore {
 public:
  PrefixedStore(std::shared_ptr<protocol::RecordStore> real, std::string prefix)
      : real_(std::move(real)), prefix_(std::move(prefix)) {}

  bool ends_in_time() const override { return real_->ends_in_time(); }

  Result<protocol::Snapshot> Read(const std::string& name, BootTime deadline) override {
    return real_->Read(prefix_ + name, deadline);
  }
  Result<protocol::Written> Write(const std::string& name, const protocol::Version& expected,
                                  const protocol::Record& record, BootTime deadline) override {
    return real_->Write(prefix_ + name, expected, record, deadline);
  }
  Result<std::vector<protocol::Listed>> List(BootTime deadline) override {
    auto listed = real_->List(deadline);
    if (listed) listed = Own(*std::move(listed));
    return listed;
  }
  Result<void> Remove(const std::string& name, const protocol::Version& expected,
                      BootTime deadline) override {
    return real_->Remove(prefix_ + name, expected, deadline);
  }
  void AwaitChange(std::span<const protocol::Seen> seen, BootTime deadline,
                   const std::stop_token& stop) override {
    real_->AwaitChange(Prefixed(seen), deadline, stop);
  }
  std::vector<protocol::Listed> AwaitNews(std::span<const protocol::Seen> seen, BootTime deadline,
                                          const std::stop_token& stop) override {
    return Own(real_->AwaitNews(Prefixed(seen), deadline, stop));
  }

 private:
  std::vector<protocol::Seen> Prefixed(std::span<const protocol::Seen> seen) const {
    std::vector<protocol::Seen> prefixed(seen.begin(), seen.end());
    for (protocol::Seen& each : prefixed) each.name.insert(0, prefix_);
    return prefixed;
  }
  std::vector<protocol::Listed> Own(std::vector<protocol::Listed> all) const {
    std::erase_if(all, [&](const auto& listed) { return !listed.name.starts_with(prefix_); });
    for (protocol::Listed& listed : all) listed.name.erase(0, prefix_.size());
    return all;
  }

  const std::shared_ptr<protocol::RecordStore> real_;
  const std::string prefix_;
};

}  // namespace monopod::testing
