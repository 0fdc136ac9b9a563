// A kubeconfig file, as far as it says how to reach a cluster.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monopod/result.h"
#include "src/kube/client/access.h"

namespace monopod::kube {

// Each entry knows the file that it is from, for messages.
struct KubeconfigCluster {
  std::string server;
  TlsAccess tls;  // without a client certificate
  std::string proxy_url;
  std::string file;
};

struct KubeconfigUser {
  TextSource certificate;
  TextSource key;
  TextSource token;
  std::string username;
  std::string password;
  std::optional<ExecPlugin> exec;
  std::vector<std::pair<std::string, std::string>> impersonation;  // as HTTP headers
  bool has_auth_provider = false;
  std::string file;
};

struct KubeconfigContext {
  std::string cluster;
  std::string user;
  std::string namespace_;
  std::string file;
};

struct Kubeconfig {
  std::string current_context;
  std::map<std::string, KubeconfigContext> contexts;
  std::map<std::string, KubeconfigCluster> clusters;
  std::map<std::string, KubeconfigUser> users;

  // Adds what is not there yet: the first that names an entry counts.
  void Merge(Kubeconfig other);
};

// YAML, or JSON, which is YAML. Relative paths in it are meant from the folder of `file`. Fails
// with kInvalidArgument; the message names the file, the line and what is wrong, and quotes no
// value that could be secret.
Result<Kubeconfig> ParseKubeconfig(const std::string& file, const std::string& text);

}  // namespace monopod::kube
