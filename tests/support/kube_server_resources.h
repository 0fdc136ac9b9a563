// The resources that the test server knows, and what a request's path means.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace monopod::testing::kube_server {

struct ResourceType {
  std::string group;
  std::string version;
  std::string plural;
  std::string kind;
  bool namespaced = true;
  bool create_on_update = false;     // a PUT of what does not exist creates it
  bool unconditional_update = true;  // a PUT needs no version

  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  std::string qualified() const { return group.empty() ? plural : plural + "." + group; }
  std::string qualified_kind() const { return group.empty() ? kind : kind + "." + group; }
};

const std::vector<ResourceType>& ResourceTypes();
const ResourceType& NamespaceType();

// The parts of "/api/v1/namespaces/NAMESPACE/RESOURCE/NAME?QUERY".
struct Target {
  std::string path;  // without the query
  std::map<std::string, std::string> query;
  const ResourceType* type = nullptr;  // none: not a resource's
  std::string name_space;              // empty: of all namespaces, or of none
  std::string name;
  bool subresource = false;  // something follows the name

  // Under this the object is stored, among those of its type.
  std::string Key() const { return type->namespaced ? name_space + "/" + name : name; }
  const std::string* Query(const std::string& parameter) const;
  bool IsSet(const std::string& parameter) const;  // 1 or true
};

Target ParseTarget(std::string_view target);

}  // namespace monopod::testing::kube_server
