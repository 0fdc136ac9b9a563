// A Kubernetes API server for tests, in this process: HTTPS on 127.0.0.1, state in memory, faults
// at will. What it answers is checked against exchanges recorded from kube-apiserver 1.36
// (tests/kube_server). `kube-test-server` is the same as a program.
//
// It knows ConfigMap, Secret, Pod, Node, Namespace, Lease, Event (core and events.k8s.io) and
// SelfSubjectAccessReview: create, get, list, watch, put, merge and JSON patch, delete; validation,
// optimistic concurrency, users and their rights; one resourceVersion for all, as etcd's revision.
//
// What it does not do: HTTP/2, protobuf, server-side apply, status subresources, finalizers and
// owner references, admission, quotas. Pods do not run. A strategic merge patch is taken for a
// merge patch, which differs for lists. Figures measured on it are not a real server's.
//
// Threads: all calls may be made from any thread, also from the hook. One thread serves all
// connections. The destructor closes them.
//
//   KubeServer server;
//   setenv("KUBECONFIG", server.kubeconfig_file().c_str(), 1);
//   server.SetFaults({.lost_reply = 1, .times = 1});   // the next request commits, no reply comes
//   ...
//   EXPECT_EQ(server.Count({.verb = "update", .resource = "leases", .status = 200}), 3);
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tests/support/certificates.h"

namespace monopod::testing {

// What a user may do, as a rule of a Role (with a namespace) or of a ClusterRole. "*" is any verb
// or resource.
struct KubeRule {
  std::vector<std::string> verbs;           // "get", "list", "watch", "create", "update", ...
  std::vector<std::string> resources;       // "configmaps", "leases", ...; whatever the group
  std::vector<std::string> resource_names;  // none: any
  std::string name_space;                   // empty: in all, and what has none
};

struct KubeUser {
  std::string name;
  std::string token;
  std::vector<KubeRule> rules;
  bool admin = false;  // may do all
};

struct KubeServerOptions {
  int port = 0;  // 0: a free one
  bool tls = true;
  // Beside these there are always "admin" with the token of token(), and "system:anonymous", who
  // comes without a token and may read the version only.
  std::vector<KubeUser> users;
  std::vector<std::string> namespaces = {"default", "kube-system"};
  // As many changes can be watched from, listed at and paged through.
  std::size_t history = 10'000;
  // How long a list or watch that must not be stale waits for the watch cache.
  std::chrono::milliseconds cache_patience = std::chrono::seconds(3);
  // How often a watch that allows bookmarks gets one; another one comes at its end. A real server
  // sends one a minute.
  std::chrono::milliseconds bookmark_interval = std::chrono::seconds(60);
};

// A request as the hook and the choice of faults see it.
struct KubeRequest {
  std::string method;    // "GET"
  std::string path;      // with the query
  std::string verb;      // "get", "list", "watch", "create", "update", "patch", "delete", ...
  std::string resource;  // "leases"; empty for /version and the like
  std::string name_space;
  std::string name;  // also from a field selector metadata.name=...
  std::string body;
  std::string user;  // empty if it could not be authenticated
  std::string user_agent;
  int remote_port = 0;
};

// What goes wrong from now on. The probabilities are of requests, drawn from `seed`, in the order
// in which requests arrive. The default: nothing.
struct KubeFaults {
  std::chrono::milliseconds delay = {};         // of every request, before it is looked at
  std::chrono::milliseconds delay_spread = {};  // and up to as much more, at random
  double lost_request = 0;                      // closed without a reply, and nothing happened
  double lost_reply = 0;                        // closed without a reply, but it happened
  double too_many_requests = 0;                 // 429
  std::chrono::seconds retry_after = std::chrono::seconds(1);  // its Retry-After; 0: none
  double internal_error = 0;                                   // 500
  double unavailable = 0;                                      // 503
  double watch_closed = 0;  // of watch events: the watch ends suddenly instead
  // The watch cache lags by this much: events come later, and lists and gets at version 0 are
  // stale.
  std::chrono::milliseconds cache_delay = {};
  // Which requests the probabilities and the delay are for; all if empty. Called on the server's
  // thread.
  std::function<bool(const KubeRequest&)> only;
  // After so many faults of the probabilities there are no more.
  int times = std::numeric_limits<int>::max();
  std::uint64_t seed = 1;
};

// A kind of answered requests; to count, an empty field or 0 stands for all. A watch counts when it
// is opened. Status 0: the reply was not given (lost_request, lost_reply).
struct KubeCall {
  std::string verb = {};
  std::string resource = {};
  int status = 0;
  auto operator<=>(const KubeCall&) const = default;
};

struct KubeWatchCount {
  int open = 0;
  int maximum = 0;  // that were open at once
};

struct KubeReply {
  int status = 0;
  std::string content_type;
  std::string body;
  std::map<std::string, std::string> headers;  // further ones
};

class KubeServer {
 public:
  // Listens when this returns.
  explicit KubeServer(KubeServerOptions options = {});
  KubeServer(const KubeServer&) = delete;
  KubeServer& operator=(const KubeServer&) = delete;
  ~KubeServer();

  // ---- How to reach it.
  int port() const;
  std::string url() const;              // "https://127.0.0.1:PORT"
  std::string ca_file() const;          // empty without TLS
  std::string token() const;            // the admin's
  std::string kubeconfig_file() const;  // the admin's, with namespace default
  // The text of a kubeconfig of that user, with its token.
  std::string Kubeconfig(const std::string& user) const;
  // A client certificate by which its bearer is that user.
  CertificateFiles ClientCertificate(const std::string& user);

  // ---- Users. A new name is a new user.
  void AddUser(const KubeUser& user);
  void SetToken(const std::string& user, const std::string& token);  // the old one is refused: 401
  void SetRules(const std::string& user, const std::vector<KubeRule>& rules);

  // ---- State, past HTTP, faults, rights and counters, but not past validation.
  // The object at a path like "/api/v1/namespaces/default/configmaps/a"; null if there is none.
  nlohmann::json Get(const std::string& path) const;
  // Creates or replaces it whatever its version, and returns it. Aborts the test if it is invalid.
  nlohmann::json Put(const std::string& path, const nlohmann::json& object);
  // A merge patch. Aborts the test if there is no such object.
  nlohmann::json Patch(const std::string& path, const nlohmann::json& patch);
  bool Delete(const std::string& path);  // false: there was none
  // Any request but a watch, as the admin.
  KubeReply Send(const std::string& method, const std::string& path, const std::string& body = {},
                 const std::string& content_type = "application/json");
  std::int64_t revision() const;  // the newest resourceVersion

  // ---- Faults.
  void SetFaults(const KubeFaults& faults);
  void ClearFaults() { SetFaults({}); }
  // Stops reading and writing: connections are still accepted by the kernel, and nothing is
  // answered. Thaw() goes on with everything that has arrived: a request that its sender has given
  // up may land then.
  void Freeze();
  void Thaw();
  // The connections there are now stay open and are dead for ever; new ones work.
  void SilenceConnections();
  // Closes all connections.
  void CutConnections();
  // Closes all watches in midstream.
  void CutWatches();
  // Connections are cut and refused; the state stays.
  void Stop();
  void Start();
  void Restart() {
    Stop();
    Start();
  }
  // The watch cache stands still: no events come, and lists and gets at version 0 show what there
  // was at the pause.
  void PauseWatchCache();
  void ResumeWatchCache();
  // Forgets all history: who watches, lists or pages from an older version gets 410.
  void Compact();
  // And tells all open watches the same: ERROR with 410, and their end.
  void ExpireWatches();

  // ---- Observation.
  // Called on the server's thread for each request, before any fault. Empty: none.
  void OnRequest(std::function<void(const KubeRequest&)> hook);
  std::map<KubeCall, std::int64_t> counts() const;
  std::int64_t Count(const KubeCall& call) const;
  void ResetCounts();  // and the maxima of watches
  KubeWatchCount watches() const;
  std::map<std::string, KubeWatchCount> watches_by_user_agent() const;
  int connections() const;  // open now

 private:
  class Implementation;
  const std::unique_ptr<Implementation> implementation_;
};

}  // namespace monopod::testing
