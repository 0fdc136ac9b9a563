// What the tests of commands in Kubernetes share: an API server of their own, and locks on it.
#pragma once

#include <cstdlib>
#include <string>
#include <utility>

#include "tests/commands/fixture.h"
#include "tests/support/kube_server.h"

namespace monopod::testing {

class KubeCommandTest : public CommandTest {
 protected:
  // The kind of store: "configmap" or "lease".
  explicit KubeCommandTest(std::string kind = "configmap") : kind_(std::move(kind)) {
    setenv("KUBECONFIG", kubeconfig().c_str(), 1);
    LogInAs("admin");
  }
  std::string store() const override { return kind_ + ":"; }
  std::string resource() const { return kind_ + "s"; }
  // The shortest that is allowed.
  std::string short_ttl() const { return kind_ == "lease" ? "7s" : "2s"; }
  // Of a lock's object.
  std::string PathOf(const std::string& lock) const {
    return (kind_ == "lease" ? "/apis/coordination.k8s.io/v1/namespaces/default/leases/"
                             : "/api/v1/namespaces/default/configmaps/") +
           lock;
  }

  // ---- How commands that start from now on reach it.
  std::string kubeconfig() const { return directory_.File("kubeconfig"); }
  void LogInAs(const std::string& user) const { WriteFile(kubeconfig(), server_.Kubeconfig(user)); }
  struct Login {
    std::string url;
    std::string authority;  // a file, or none
    std::string user;       // in YAML
  };
  void LogIn(const Login& login) const {
    const std::string authority =
        login.authority.empty() ? "" : ", certificate-authority: " + login.authority;
    WriteFile(kubeconfig(), R"(apiVersion: v1
kind: Config
current-context: a
contexts: [{name: a, context: {cluster: a, user: a}}]
clusters: [{name: a, cluster: {server: ')" +
                                login.url + "'" + authority +
                                "}}]\nusers: [{name: a, user: " + login.user + "}]\n");
  }

  // ---- Holders and waiters.
  // Waits until its work has begun, which has to end by itself.
  Process StartHolder(const Arguments& flags, const std::string& work) const {
    Process holder = Run(Words({"--holder", "first"}, flags), work);
    EXPECT_TRUE(AwaitLog("begin")) << holder.err();
    return holder;
  }
  Process StartWaiter(const Arguments& flags) const {
    Process waiter = Run(flags, "true");
    EXPECT_TRUE(waiter.AwaitErr("\"event\":\"waiting\"")) << waiter.err();
    return waiter;
  }
  static constexpr const char* kUntilDone = R"(while [ ! -e "$DIR/done" ]; do sleep 0.1; done)";
  void LetItEnd() const { WriteFile(directory_.File("done"), ""); }

  std::int64_t Writes() const {
    return server_.Count({.verb = "update", .resource = resource(), .status = 200});
  }
  // So many more; who holds the lock renews it.
  bool AwaitWrites(std::int64_t more) const {
    const std::int64_t before = Writes();
    return Eventually([&] { return Writes() >= before + more; }, std::chrono::seconds(20));
  }

  const std::string kind_;
  KubeServer server_;
};

}  // namespace monopod::testing
