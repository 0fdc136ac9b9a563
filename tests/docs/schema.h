// The schema of monopod's JSON as docs/OUTPUT.md tells it in tables, and what is wrong with a JSON
// value by that schema.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace monopod::testing {

using Json = nlohmann::json;

// Rows of cells, without their backticks; by heading. The first row is the table's head.
using Tables = std::map<std::string, std::vector<std::vector<std::string>>>;
Tables ReadTables(const std::string& markdown);

// Threads: none.
class Schema {
 public:
  explicit Schema(const std::string& markdown);

  // Checks what a command printed against the table under the heading `command`.
  void CheckResult(const std::string& command, const Json& value);
  // Checks one line of the log.
  void CheckLogLine(const std::string& line);

  // What was wrong, one sentence each.
  const std::vector<std::string>& faults() const { return faults_; }
  // What is documented under these headings, and never appeared.
  std::vector<std::string> Unseen(const std::vector<std::string>& headings) const;

 private:
  struct Field {
    std::string type;
    std::string present;
  };
  using Fields = std::map<std::string, Field>;  // by path: "slot[].state"
  struct Kind {
    std::set<std::string> always;
    std::set<std::string> sometimes;
  };
  struct Place {
    std::string heading;
    std::string prefix;  // of the paths of the object's fields: "slot[]."
  };

  void CheckObject(const Place& place, const Json& object);
  void CheckValue(const Place& place, const std::string& key, const Json& value);
  void CheckType(const Place& place, const std::string& path, const Json& value);
  void CheckPresence(const Place& place, const Json& object);
  void Fault(const Place& place, const std::string& what);

  std::map<std::string, Fields> fields_;                      // by heading
  std::map<std::string, std::map<std::string, Kind>> kinds_;  // by heading, then by event
  std::set<std::string> seen_;
  std::vector<std::string> faults_;
};

}  // namespace monopod::testing
