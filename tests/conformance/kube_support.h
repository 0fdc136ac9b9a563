// What the contracts need of Kubernetes: stores on an API server of the tests or on the cluster
// that the environment names, and what others do to the objects there.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "src/kube/client/access.h"
#include "src/kube/client/client.h"
#include "src/kube/kube_store.h"
#include "tests/support/kube_cluster.h"
#include "tests/support/kube_server.h"
#include "tests/support/prefixed_store.h"
#include "tests/support/process.h"

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

// Where the records of one test are: alone on a server of its own, or under names of its own in a
// cluster.
class KubePlace {
 public:
  // Faults are those of the tests' own server: no cluster has them.
  explicit KubePlace(const testing::KubeFaults* faults = nullptr) {
    if (auto cluster = testing::ClusterUnderTest()) {
      EXPECT_EQ(faults, nullptr) << "this test makes the API server fail, and needs its own";
      share_.emplace(*std::move(cluster));
    } else {
      server_.emplace();
      if (faults != nullptr) server_->SetFaults(*faults);
    }
    api_ = Connect();
  }

  // With connections of its own.
  std::shared_ptr<protocol::RecordStore> OpenStore(kube::ObjectKind kind) const {
    if (server_) return conformance::OpenStore(*server_, kind);
    return std::make_shared<testing::PrefixedStore>(
        std::make_shared<kube::KubeStore>(kube::KubeStoreOptions{
            .api = Connect(), .kind = kind, .namespace_ = share_->cluster().namespace_}),
        share_->prefix());
  }

  // Without a look at its version. False: there is no such object.
  bool Delete(kube::ObjectKind kind, const std::string& record) const {
    return Send({.method = kube::Method::kDelete, .path = PathOf(kind, record)}) == 200;
  }
  void Patch(kube::ObjectKind kind, const std::string& record, std::string merge_patch) const {
    EXPECT_EQ(Send({.method = kube::Method::kPatch,
                    .path = PathOf(kind, record),
                    .body = std::move(merge_patch),
                    .content_type = "application/merge-patch+json"}),
              200);
  }

 private:
  std::shared_ptr<kube::Api> Connect() const {
    return server_ ? ConnectTo(*server_) : testing::ConnectTo(share_->cluster());
  }
  std::string PathOf(kube::ObjectKind kind, const std::string& record) const {
    const bool lease = kind == kube::ObjectKind::kLease;
    return std::string(lease ? "/apis/coordination.k8s.io/v1" : "/api/v1") + "/namespaces/" +
           (share_ ? share_->cluster().namespace_ : "default") +
           (lease ? "/leases/" : "/configmaps/") + (share_ ? share_->prefix() : "") + record;
  }
  int Send(const kube::Request& request) const {
    const auto response = api_->Send(request, BootClock::now() + testing::kPatience);
    EXPECT_TRUE(response) << response.error().message;
    return response ? response->status : 0;
  }

  std::optional<testing::KubeClusterShare> share_;
  std::optional<testing::KubeServer> server_;
  std::shared_ptr<kube::Api> api_;
};

}  // namespace monopod::conformance
