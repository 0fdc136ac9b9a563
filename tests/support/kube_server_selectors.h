// Label and field selectors.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/kube_server_status.h"

namespace monopod::testing::kube_server {

// Which objects a list or watch is about.
class Selector {
 public:
  // From the namespace, labelSelector and fieldSelector of a target.
  static Outcome<Selector> Of(const Target& target);

  bool Matches(const Json& object) const;
  // Of objects alone in their key, sparing a look at their fields.
  const std::string& name_space() const { return name_space_; }
  const std::string& name() const { return name_; }  // by metadata.name=...
  bool has_requirements() const { return !labels_.empty() || !fields_.empty(); }

 private:
  enum class Operator : std::uint8_t { kIn, kNotIn, kExists, kMissing };
  struct Requirement {
    std::string key;
    Operator op = Operator::kExists;
    std::vector<std::string> values;
  };
  static Outcome<Requirement> ParseLabel(const std::string& text);
  static bool Holds(const Requirement& requirement, const std::string* value);

  std::string name_space_;
  std::string name_;
  std::vector<Requirement> labels_;
  std::vector<Requirement> fields_;
};

}  // namespace monopod::testing::kube_server
