// How to reach an etcd cluster: the store URL, what flags say, and the environment of etcdctl.
//
//   etcd://HOST[:PORT][,HOST[:PORT]...][/PREFIX]     port 2379 and prefix monopod/ unless said
//   etcds://...                                      the same over TLS
//   etcd:  or  etcd:///PREFIX                        the endpoints of ETCDCTL_ENDPOINTS
//
// As with etcdctl, an endpoint without a scheme is spoken to over TLS once a CA or a client
// certificate is given; in ETCDCTL_ENDPOINTS http:// and https:// say it outright. The endpoints
// are members of one cluster, so either all are spoken to over TLS or none.
//
// A flag wins over the environment. The environment: ETCDCTL_ENDPOINTS, ETCDCTL_CACERT,
// ETCDCTL_CERT, ETCDCTL_KEY, ETCDCTL_INSECURE_SKIP_TLS_VERIFY, ETCDCTL_USER ("name" or
// "name:password"), ETCDCTL_PASSWORD. Unlike etcdctl, nobody is asked for a missing password.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "monopod/result.h"

namespace monopod::etcd {

// The files are read anew for each connection, so that they can be replaced at any time.
struct TlsOptions {
  std::string ca_file;           // empty: the certificate authorities of the system
  std::string certificate_file;  // with key_file, or both empty: no client certificate
  std::string key_file;
  bool skip_verification = false;  // whoever answers is believed to be etcd
};

struct ClientOptions {
  std::vector<std::string> endpoints;  // "host:port", at least one
  std::string prefix = "monopod/";     // of all keys; ends with "/"
  bool use_tls = false;
  TlsOptions tls = {};
  std::string user;  // empty: none
  std::string password;

  // The URL that leads to the same cluster and prefix without ETCDCTL_ENDPOINTS. Holds no secret.
  std::string Url() const;
};

// What flags say; empty: nothing.
struct ClientFlags {
  std::string cacert;
  std::string cert;
  std::string key;
  std::string user;  // "name" or "name:password"
  std::string password;
  std::string password_file;  // its first line
};

// A variable's value, empty if it is not set.
using Environment = std::function<std::string(const char* name)>;
Environment ProcessEnvironment();

// True for what Resolve understands as a URL, right or wrong: "etcd:..." and "etcds:...".
bool IsEtcdUrl(std::string_view url);

// Reads the files that are named, and nothing else; contacts nobody. Fails with kInvalidArgument,
// or with kDenied for a file that may not be read; the message says what is allowed.
Result<ClientOptions> Resolve(std::string_view url, const ClientFlags& flags,
                              const Environment& environment);

}  // namespace monopod::etcd
