#include "tests/support/kube_server_access.h"

#include <algorithm>

namespace monopod::testing::kube_server {
namespace {

bool Covers(const std::vector<std::string>& allowed, const std::string& wanted) {
  return std::any_of(allowed.begin(), allowed.end(),
                     [&](const std::string& one) { return one == "*" || one == wanted; });
}

}  // namespace

void Access::SetToken(const std::string& user, const std::string& token) {
  users_[user].name = user;
  users_[user].token = token;
}

void Access::SetRules(const std::string& user, const std::vector<KubeRule>& rules) {
  users_[user].name = user;
  users_[user].rules = rules;
}

std::string Access::Token(const std::string& user) const {
  const auto found = users_.find(user);
  return found == users_.end() ? "" : found->second.token;
}

std::optional<std::string> Access::Authenticate(const std::string& authorization,
                                                const std::string& certified) const {
  const std::string scheme = "Bearer ";
  if (authorization.empty()) return certified.empty() ? kAnonymous : certified;
  if (authorization.compare(0, scheme.size(), scheme) != 0) return std::nullopt;
  const std::string token = authorization.substr(scheme.size());
  for (const auto& [name, user] : users_) {
    if (!token.empty() && user.token == token) return name;
  }
  return std::nullopt;
}

bool Access::IsAdmin(const std::string& user) const {
  const auto found = users_.find(user);
  return found != users_.end() && found->second.admin;
}

bool Access::Allows(const std::string& user, const Attributes& attributes) const {
  const auto found = users_.find(user);
  if (found == users_.end()) return false;
  if (found->second.admin) return true;
  if (attributes.resource == "selfsubjectaccessreviews" && user != kAnonymous) return true;
  return std::any_of(
      found->second.rules.begin(), found->second.rules.end(), [&](const KubeRule& rule) {
        return (rule.name_space.empty() || rule.name_space == attributes.name_space) &&
               Covers(rule.verbs, attributes.verb) && Covers(rule.resources, attributes.resource) &&
               (rule.resource_names.empty() ||
                std::find(rule.resource_names.begin(), rule.resource_names.end(),
                          attributes.name) != rule.resource_names.end());
      });
}

Failure Forbidden(const std::string& user, const Attributes& attributes) {
  const ResourceType& type = *attributes.type;
  Json details = {{"kind", type.plural}};
  if (!type.group.empty()) details["group"] = type.group;
  std::string message = type.qualified();
  if (!attributes.name.empty()) {
    details["name"] = attributes.name;
    message += " \"" + attributes.name + "\"";
  }
  message += " is forbidden: User \"" + user + "\" cannot " + attributes.verb + " resource \"" +
             type.plural + "\" in API group \"" + type.group + "\"";
  message += attributes.name_space.empty() ? " at the cluster scope"
                                           : " in the namespace \"" + attributes.name_space + "\"";
  return MakeFailure(403, {"Forbidden", message}, details);
}

Failure ForbiddenPath(const std::string& user, const std::string& verb, const std::string& path) {
  return MakeFailure(
      403,
      {"Forbidden", "forbidden: User \"" + user + "\" cannot " + verb + " path \"" + path + "\""},
      Json::object());
}

}  // namespace monopod::testing::kube_server
