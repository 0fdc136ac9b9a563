// kube-test-sweep: the end of a run of the tests on a cluster (kube_cluster.h). Removes what tests
// have left that were killed, and says how much it was; ends with 1 if it cannot.
#include <iostream>

#include "tests/support/kube_cluster.h"

int main() {
  const auto cluster = monopod::testing::ClusterUnderTest();
  if (!cluster) {
    std::cerr << "kube-test-sweep: MONOPOD_TEST_KUBECONFIG is not set\n";
    return 64;
  }
  const auto api = monopod::testing::ConnectTo(*cluster);
  const auto removed = monopod::testing::RemoveLocks(*api, cluster->namespace_, cluster->run + "-");
  if (!removed) {
    std::cerr << "kube-test-sweep: locks " << cluster->run << "-* may be left in the namespace "
              << cluster->namespace_ << ": " << removed.error().message << '\n';
    return 1;
  }
  std::cout << *removed << " objects of killed tests removed; none is left\n";
  return 0;
}
