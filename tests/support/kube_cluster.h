// A cluster that is not the tests' own, for those of them that need nothing but an API server.
//
// The environment names it, as `./dev test --kubeconfig FILE` sets it:
//   MONOPOD_TEST_KUBECONFIG  a kubeconfig file; without it tests start API servers of their own
//   MONOPOD_TEST_CONTEXT     a context of that file, if not its current one
//   MONOPOD_TEST_NAMESPACE   where all objects are made; it has to be there
//   MONOPOD_TEST_RUN         how the names of all objects begin that this run makes
//
// Needed there: get, list, watch, create, update, patch and delete of ConfigMaps and Leases.
// Nothing of another name is written or deleted.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "src/kube/api.h"
#include "src/kube/client/access.h"

namespace monopod::testing {

struct KubeCluster {
  std::string kubeconfig;
  std::string context;  // empty: the file's current one
  std::string namespace_;
  std::string run;
};

// Nothing: tests are to start API servers of their own. Aborts if half of it is said.
std::optional<KubeCluster> ClusterUnderTest();

// These abort the test if the kubeconfig cannot be used.
kube::ClusterAccess AccessTo(const KubeCluster& cluster);
std::shared_ptr<kube::Api> ConnectTo(const KubeCluster& cluster);

// How the names of one test's objects begin. No two tests have the same.
std::string NewPrefix(const KubeCluster& cluster);

// Deletes the locks of the namespace (ConfigMaps and Leases) whose names begin so, and says how
// many there were.
Result<int> RemoveLocks(kube::Api& api, const std::string& namespace_, const std::string& prefix);

// What one test makes there: removed when this is, also after a failure.
class KubeClusterShare {
 public:
  explicit KubeClusterShare(KubeCluster cluster);
  KubeClusterShare(const KubeClusterShare&) = delete;
  KubeClusterShare& operator=(const KubeClusterShare&) = delete;
  // Fails the test if something is left.
  ~KubeClusterShare();

  const KubeCluster& cluster() const { return cluster_; }
  const std::string& prefix() const { return prefix_; }

 private:
  const KubeCluster cluster_;
  const std::string prefix_;
};

}  // namespace monopod::testing
