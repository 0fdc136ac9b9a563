// Who asks, and what they may do.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/kube_server.h"
#include "tests/support/kube_server_status.h"

namespace monopod::testing::kube_server {

inline constexpr char kAnonymous[] = "system:anonymous";

// What a rule may be about.
struct Attributes {
  std::string verb;
  const ResourceType* type = nullptr;  // or a resource of another name, for access reviews
  std::string resource;
  std::string name_space;
  std::string name;
};

class Access {
 public:
  void Add(const KubeUser& user) { users_[user.name] = user; }
  void SetToken(const std::string& user, const std::string& token);
  void SetRules(const std::string& user, const std::vector<KubeRule>& rules);
  // Empty if the user is not known.
  std::string Token(const std::string& user) const;

  // By the Authorization header, else by the client certificate's subject, else as anonymous.
  // Nothing: neither, 401.
  std::optional<std::string> Authenticate(const std::string& authorization,
                                          const std::string& certified) const;
  bool IsAdmin(const std::string& user) const;
  bool Allows(const std::string& user, const Attributes& attributes) const;

 private:
  std::map<std::string, KubeUser> users_;
};

Failure Forbidden(const std::string& user, const Attributes& attributes);
Failure ForbiddenPath(const std::string& user, const std::string& verb, const std::string& path);

}  // namespace monopod::testing::kube_server
