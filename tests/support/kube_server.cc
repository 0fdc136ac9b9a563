#include "tests/support/kube_server.h"

#include <cstdlib>
#include <iostream>
#include <mutex>
#include <optional>
#include <utility>

#include "src/base/nonce.h"
#include "tests/support/etcd_server.h"
#include "tests/support/kube_server_base64.h"
#include "tests/support/kube_server_loop.h"

namespace monopod::testing {

using kube_server::Answer;
using kube_server::Json;
using kube_server::Loop;

namespace {

// One for all servers of a program: openssl takes its time.
class Certificates {
 public:
  static Certificates& Get() {
    static Certificates certificates;
    return certificates;
  }
  std::string authority() const { return authority_.file(); }
  const CertificateFiles& server() const { return server_; }
  CertificateFiles Issue(const std::string& user) {
    const std::lock_guard lock(mutex_);
    return authority_.Issue({.name = user});
  }

 private:
  std::mutex mutex_;
  CertificateAuthority authority_;
  const CertificateFiles server_ = authority_.Issue();
};

[[noreturn]] void Die(const std::string& what, const Answer& answer) {
  std::cerr << "KubeServer: " << what << ": " << *answer.body << '\n';
  std::abort();
}

}  // namespace

class KubeServer::Implementation {
 public:
  explicit Implementation(const KubeServerOptions& options)
      : tls(options.tls),
        port(options.port != 0 ? options.port : FreePort()),
        loop(options, port,
             tls ? std::optional(Loop::Tls{.authority = Certificates::Get().authority(),
                                           .own = Certificates::Get().server()})
                 : std::nullopt) {
    loop.Run([&] {
      loop.access().Add({.name = "admin", .token = token, .rules = {}, .admin = true});
      for (const KubeUser& user : options.users) loop.access().Add(user);
      for (const std::string& name : options.namespaces) {
        Send("POST", "/api/v1/namespaces", Json{{"metadata", {{"name", name}}}}.dump());
      }
      loop.Listen();
    });
  }

  Answer Send(const std::string& method, const std::string& path, const std::string& body,
              const std::string& content_type = "application/json") {
    return loop.Run([&] {
      KubeRequest request;
      request.method = method;
      request.path = path;
      request.body = body;
      return loop.Direct(request, content_type);
    });
  }

  const bool tls;
  const int port;
  const std::string token = RandomNonce();
  TemporaryDirectory directory;
  Loop loop;
};

KubeServer::KubeServer(KubeServerOptions options)
    : implementation_(std::make_unique<Implementation>(options)) {
  WriteFile(kubeconfig_file(), Kubeconfig("admin"));
}
KubeServer::~KubeServer() = default;

int KubeServer::port() const { return implementation_->port; }
std::string KubeServer::url() const {
  return (implementation_->tls ? "https://127.0.0.1:" : "http://127.0.0.1:") +
         std::to_string(port());
}
std::string KubeServer::ca_file() const {
  return implementation_->tls ? Certificates::Get().authority() : "";
}
std::string KubeServer::token() const {
  return implementation_->loop.Run(
      [this] { return implementation_->loop.access().Token("admin"); });
}
std::string KubeServer::kubeconfig_file() const {
  return implementation_->directory.File("kubeconfig");
}

std::string KubeServer::Kubeconfig(const std::string& user) const {
  const std::string user_token =
      implementation_->loop.Run([&] { return implementation_->loop.access().Token(user); });
  Json cluster = {{"server", url()}};
  if (implementation_->tls) {
    cluster["certificate-authority-data"] = kube_server::Base64(ReadFile(ca_file()));
  }
  const Json config = {
      {"apiVersion", "v1"},
      {"kind", "Config"},
      {"clusters", {{{"name", "test"}, {"cluster", cluster}}}},
      {"users", {{{"name", user}, {"user", {{"token", user_token}}}}}},
      {"contexts",
       {{{"name", "test"},
         {"context", {{"cluster", "test"}, {"user", user}, {"namespace", "default"}}}}}},
      {"current-context", "test"}};
  return config.dump(2) + "\n";
}

CertificateFiles KubeServer::ClientCertificate(const std::string& user) {
  return Certificates::Get().Issue(user);
}

void KubeServer::AddUser(const KubeUser& user) {
  implementation_->loop.Run([&] { implementation_->loop.access().Add(user); });
}
void KubeServer::SetToken(const std::string& user, const std::string& token) {
  implementation_->loop.Run([&] { implementation_->loop.access().SetToken(user, token); });
}
void KubeServer::SetRules(const std::string& user, const std::vector<KubeRule>& rules) {
  implementation_->loop.Run([&] { implementation_->loop.access().SetRules(user, rules); });
}

Json KubeServer::Get(const std::string& path) const {
  const Answer answer = implementation_->Send("GET", path, "");
  return answer.status == 200 ? Json::parse(*answer.body) : Json();
}

Json KubeServer::Put(const std::string& path, const Json& object) {
  return implementation_->loop.Run([&] {
    const Json old = Get(path);
    Json written = object;
    Json& metadata = *written.emplace("metadata", Json::object()).first;
    metadata.erase("uid");
    metadata.erase("resourceVersion");
    if (!old.is_null()) metadata["resourceVersion"] = old["metadata"]["resourceVersion"];
    metadata["name"] = path.substr(path.rfind('/') + 1);
    const Answer answer =
        old.is_null()
            ? implementation_->Send("POST", path.substr(0, path.rfind('/')), written.dump())
            : implementation_->Send("PUT", path, written.dump());
    if (answer.status >= 300) Die("cannot put " + path, answer);
    return Json::parse(*answer.body);
  });
}

Json KubeServer::Patch(const std::string& path, const Json& patch) {
  const Answer answer =
      implementation_->Send("PATCH", path, patch.dump(), "application/merge-patch+json");
  if (answer.status >= 300) Die("cannot patch " + path, answer);
  return Json::parse(*answer.body);
}

bool KubeServer::Delete(const std::string& path) {
  return implementation_->Send("DELETE", path, "").status == 200;
}

KubeReply KubeServer::Send(const std::string& method, const std::string& path,
                           const std::string& body, const std::string& content_type) {
  Answer answer = implementation_->Send(method, path, body, content_type);
  return {.status = answer.status,
          .content_type = std::move(answer.content_type),
          .body = *answer.body,
          .headers = {answer.headers.begin(), answer.headers.end()}};
}

std::int64_t KubeServer::revision() const {
  return implementation_->loop.Run([this] { return implementation_->loop.store().revision(); });
}

void KubeServer::SetFaults(const KubeFaults& faults) {
  implementation_->loop.Run([&] { implementation_->loop.SetFaults(faults); });
}
void KubeServer::Freeze() {
  implementation_->loop.Run([this] { implementation_->loop.SetFrozen(true); });
}
void KubeServer::Thaw() {
  implementation_->loop.Run([this] { implementation_->loop.SetFrozen(false); });
}
void KubeServer::SilenceConnections() {
  implementation_->loop.Run([this] { implementation_->loop.SilenceConnections(); });
}
void KubeServer::CutConnections() {
  implementation_->loop.Run([this] { implementation_->loop.CutConnections(); });
}
void KubeServer::CutWatches() {
  implementation_->loop.Run([this] { implementation_->loop.CutWatches(); });
}
void KubeServer::Stop() {
  implementation_->loop.Run([this] { implementation_->loop.Shut(); });
}
void KubeServer::Start() {
  implementation_->loop.Run([this] { implementation_->loop.Listen(); });
}
void KubeServer::PauseWatchCache() {
  implementation_->loop.Run([this] { implementation_->loop.PauseCache(true); });
}
void KubeServer::ResumeWatchCache() {
  implementation_->loop.Run([this] { implementation_->loop.PauseCache(false); });
}
void KubeServer::Compact() {
  implementation_->loop.Run([this] { implementation_->loop.Compact(); });
}
void KubeServer::ExpireWatches() {
  implementation_->loop.Run([this] { implementation_->loop.ExpireWatches(); });
}

void KubeServer::OnRequest(std::function<void(const KubeRequest&)> hook) {
  implementation_->loop.Run([&] { implementation_->loop.SetHook(std::move(hook)); });
}

std::map<KubeCall, std::int64_t> KubeServer::counts() const {
  return implementation_->loop.Run([this] { return implementation_->loop.counts(); });
}

std::int64_t KubeServer::Count(const KubeCall& call) const {
  std::int64_t sum = 0;
  for (const auto& [kind, count] : counts()) {
    if ((call.verb.empty() || call.verb == kind.verb) &&
        (call.resource.empty() || call.resource == kind.resource) &&
        (call.status == 0 || call.status == kind.status)) {
      sum += count;
    }
  }
  return sum;
}

void KubeServer::ResetCounts() {
  implementation_->loop.Run([this] { implementation_->loop.ResetCounts(); });
}
KubeWatchCount KubeServer::watches() const {
  return implementation_->loop.Run([this] { return implementation_->loop.watch_count(); });
}
std::map<std::string, KubeWatchCount> KubeServer::watches_by_user_agent() const {
  return implementation_->loop.Run([this] { return implementation_->loop.agents(); });
}
int KubeServer::connections() const {
  return implementation_->loop.Run([this] { return implementation_->loop.connections(); });
}

}  // namespace monopod::testing
