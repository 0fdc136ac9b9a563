// How to reach a Kubernetes API server, and as whom: what kubectl's flags, kubeconfig files, the
// service account of a pod and the environment say.
//
// The first of these that is there, alone:
//   1. --kubeconfig FILE
//   2. KUBECONFIG, files with colons between them. Missing ones are passed over. Of contexts,
//   clusters
//      and users of one name the first counts, and the first current-context.
//   3. the service account of the pod, if KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are
//   set
//      and its folder is there, unless a context is named
//   4. $HOME/.kube/config
// (kubectl would prefer 4 to 3; a controller does not, and a lock is taken by controllers.)
//
// The namespace: the flag's, else the context's, else that of the service account (in 3), else
// "default". POD_NAMESPACE has no part in it: it says where the holder lives, not the lock.
//
// Proxies: the cluster's proxy-url, else HTTPS_PROXY and NO_PROXY, upper or lower case, with the
// meaning that Go's net/http gives them. Only http:// proxies, by CONNECT, with a user and a
// password if the URL has them. A server with an http:// URL is reached without one unless it has a
// proxy-url.
//
// Not supported, and refused with a reason: auth-provider (exec plugins replaced it in Kubernetes
// 1.26), exec plugins that insist on a terminal or on v1alpha1, socks5:// and https:// proxies.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "monopod/result.h"

namespace monopod::kube {

// What flags say; empty: nothing.
struct AccessFlags {
  std::string kubeconfig;
  std::string context;
  std::string namespace_;
  // Where a pod has its service account; only tests say otherwise.
  std::string service_account_folder = "/var/run/secrets/kubernetes.io/serviceaccount";
};

// A variable's value, empty if it is not set.
using Environment = std::function<std::string(const char* name)>;

// A text, or a file that has it and that may be replaced at any time. `content` counts if both are
// set; nothing if neither is.
struct TextSource {
  std::string content;
  std::string file;

  bool empty() const { return content.empty() && file.empty(); }
};

// A command that prints a credential (an ExecCredential of client.authentication.k8s.io).
struct ExecPlugin {
  std::string command;
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> environment;  // added to ours
  std::string api_version;   // client.authentication.k8s.io/v1 or .../v1beta1
  std::string install_hint;  // shown if there is no such command
  bool provide_cluster_info = false;
};

struct TlsAccess {
  TextSource authorities;  // PEM; empty: those of the system
  TextSource certificate;  // PEM, with `key`; or both empty
  TextSource key;
  std::string server_name;  // what the server's certificate must be for; empty: the URL's host
  bool skip_verification = false;
};

// An http:// proxy.
struct Proxy {
  std::string host;
  std::string port;
  std::string authorization;  // the value of Proxy-Authorization, or empty
};

// Holds secrets: not to be printed.
struct ClusterAccess {
  std::string
      server;  // http:// or https://, host, port; perhaps a path that all requests begin with
  TlsAccess tls;
  std::optional<Proxy> proxy;

  // As whom: the first of these that is set; a client certificate goes along with each.
  TextSource token;
  std::string username;  // with `password`
  std::string password;
  std::optional<ExecPlugin> exec;
  // Impersonate-User and the like.
  std::vector<std::pair<std::string, std::string>> impersonation;

  std::string namespace_;  // never empty
  std::string context;     // its name; empty: the service account
  std::string origin;      // for people: "context prod of /home/me/.kube/config"
};

// Reads the files that count, and nothing else; runs and contacts nobody. Fails with
// kInvalidArgument, or with kDenied for a file that may not be read; the message names the file,
// the entry and what is allowed.
Result<ClusterAccess> ResolveAccess(const AccessFlags& flags, const Environment& environment);

}  // namespace monopod::kube
