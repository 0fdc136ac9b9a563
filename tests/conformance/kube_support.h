// What the contracts need of a Kubernetes API server: stores on one, and what others do to its
// objects.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "src/kube/client/access.h"
#include "src/kube/client/client.h"
#include "src/kube/kube_store.h"
#include "tests/support/kube_server.h"

namespace monopod::conformance {

// As the server's administrator, with connections of its own.
inline std::shared_ptr<kube::Api> ConnectTo(const testing::KubeServer& server) {
  auto access =
      kube::ResolveAccess({.kubeconfig = server.kubeconfig_file(), .context = "", .namespace_ = ""},
                          [](const char*) { return std::string(); });
  if (!access) {
    ADD_FAILURE() << access.error().message;
    std::abort();
  }
  return kube::MakeClient(*std::move(access));
}

inline std::shared_ptr<kube::KubeStore> OpenStore(const testing::KubeServer& server,
                                                  kube::ObjectKind kind) {
  return std::make_shared<kube::KubeStore>(
      kube::KubeStoreOptions{.api = ConnectTo(server), .kind = kind});
}

// The path of a record's object.
inline std::string PathOf(kube::ObjectKind kind, const std::string& name) {
  return (kind == kube::ObjectKind::kLease
              ? "/apis/coordination.k8s.io/v1/namespaces/default/leases/"
              : "/api/v1/namespaces/default/configmaps/") +
         name;
}

}  // namespace monopod::conformance
