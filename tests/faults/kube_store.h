// The Kubernetes API server of the tests, with its faults: locks in its ConfigMaps or Leases.
//
// Aborts the trial if it cannot be had.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/faults/store.h"
#include "tests/support/kube_server.h"

namespace monopod::faults {

class KubeStore : public Store {
 public:
  // "configmap" or "lease".
  explicit KubeStore(std::string kind);

  std::string name() const override { return kind_; }
  std::string Url(std::uint64_t /*client*/) const override { return kind_ + ":"; }
  std::vector<std::pair<std::string, std::string>> Environment() const override;
  // The shortest that is allowed.
  std::chrono::seconds ttl() const override {
    return std::chrono::seconds(kind_ == "lease" ? 7 : 2);
  }
  std::vector<Fault> Faults() override;
  // An API server has no transactions: the set is in a file that refuses old tokens.
  std::string PlaceOfSet(const std::string& lock) const override;
  std::string ReadSet(const std::string& lock) override;

 private:
  void Heal();
  std::vector<Fault> FaultsOfConnections();
  std::vector<Fault> FaultsOfAnswers();

  const std::string kind_;
  testing::KubeServer server_;
  bool is_frozen_ = false;
  bool is_stopped_ = false;
};

}  // namespace monopod::faults
