#include "tests/support/kube_server_resources.h"

#include <algorithm>
#include <cstddef>

namespace monopod::testing::kube_server {
namespace {

int HexDigit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

std::string Decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
        HexDigit(text[i + 2]) >= 0) {
      decoded += static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2]));
      i += 2;
    } else {
      decoded += text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(Decode(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

const ResourceType* FindType(const std::string& api_version, const std::string& plural) {
  for (const ResourceType& type : ResourceTypes()) {
    if (type.plural == plural && type.api_version() == api_version) return &type;
  }
  return nullptr;
}

void ParseQuery(std::string_view query, std::map<std::string, std::string>* parameters) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    const std::size_t equals = std::min(pair.find('='), pair.size());
    parameters->emplace(Decode(pair.substr(0, equals)),
                        Decode(pair.substr(std::min(equals + 1, pair.size()))));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
}

}  // namespace

const std::vector<ResourceType>& ResourceTypes() {
  static const std::vector<ResourceType> kTypes = {
      {"", "v1", "configmaps", "ConfigMap"},
      {"", "v1", "secrets", "Secret"},
      {"", "v1", "pods", "Pod"},
      {"", "v1", "events", "Event", true, true},
      {"", "v1", "nodes", "Node", false},
      {"", "v1", "namespaces", "Namespace", false},
      {"coordination.k8s.io", "v1", "leases", "Lease", true, true, false},
      {"events.k8s.io", "v1", "events", "Event", true, true},
      {"authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", false},
  };
  return kTypes;
}

const ResourceType& NamespaceType() {
  static const ResourceType& type = *FindType("v1", "namespaces");
  return type;
}

const std::string* Target::Query(const std::string& parameter) const {
  const auto found = query.find(parameter);
  return found == query.end() ? nullptr : &found->second;
}

bool Target::IsSet(const std::string& parameter) const {
  const std::string* value = Query(parameter);
  return value != nullptr && (*value == "1" || *value == "true");
}

Target ParseTarget(std::string_view target) {
  const std::size_t question = std::min(target.find('?'), target.size());
  Target parsed{.path = std::string(target.substr(0, question))};
  ParseQuery(target.substr(std::min(question + 1, target.size())), &parsed.query);

  const std::vector<std::string> parts = Split(parsed.path, '/');
  std::size_t next = 0;
  std::string api_version;
  if (parts.size() >= 3 && parts[0] == "api") {
    api_version = parts[1];
    next = 2;
  } else if (parts.size() >= 4 && parts[0] == "apis") {
    api_version = parts[1] + "/" + parts[2];
    next = 3;
  } else {
    return parsed;
  }
  if (parts[next] == "namespaces" && parts.size() > next + 2) {
    parsed.name_space = parts[next + 1];
    next += 2;
  }
  parsed.type = FindType(api_version, parts[next]);
  if (parsed.type == nullptr || (!parsed.type->namespaced && !parsed.name_space.empty())) {
    parsed.type = nullptr;
    return parsed;
  }
  if (parts.size() > next + 1) parsed.name = parts[next + 1];
  parsed.subresource = parts.size() > next + 2;
  return parsed;
}

}  // namespace monopod::testing::kube_server
