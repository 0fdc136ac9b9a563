#include "tests/support/etcd_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <random>
#include <sstream>
#include <utility>

namespace monopod::testing {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

[[noreturn]] void Abort(const std::string& why) {
  std::cerr << why << '\n';
  std::abort();
}

// What a plain HTTP server of this machine answers, header and all; empty if it does not.
std::string HttpGet(int port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  std::string answer;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
    (void)!send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    std::array<char, 4096> buffer{};
    pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
    while (poll(&readable, 1, /*timeout=*/5000) == 1) {
      const ssize_t count = recv(fd, buffer.data(), buffer.size(), 0);
      if (count <= 0) break;
      answer.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }
  close(fd);
  return answer;
}

// Keeps other tests from the port until this program ends: a name that only one can have.
bool Reserve(int port) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = "monopod-test-port-" + std::to_string(port);
  name.copy(address.sun_path + 1, sizeof(address.sun_path) - 1);
  const bool reserved = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  if (!reserved) close(fd);
  return reserved;
}

bool CanListen(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  const bool can = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return can;
}

std::string HttpUrl(int port) { return "http://127.0.0.1:" + std::to_string(port); }

}  // namespace

int FreePort() {
  // Below the range from which the kernel takes the ports of those who connect.
  static std::mt19937 random(std::random_device{}());
  std::uniform_int_distribution<int> ports(12000, 32000);
  while (true) {
    const int port = ports(random);
    if (Reserve(port) && CanListen(port)) return port;
  }
}

EtcdServer::EtcdServer(EtcdOptions options)
    : EtcdServer(std::move(options), 0, {{.name = "only", .port = FreePort()}}) {
  AwaitHealthy();
}

EtcdServer::EtcdServer(EtcdOptions options, std::size_t index, const std::vector<Peer>& peers)
    : options_(std::move(options)),
      peers_(peers),
      self_(peers[index]),
      client_port_(FreePort()),
      metrics_port_(FreePort()) {
  Launch();
}

std::string EtcdServer::endpoint() const { return "127.0.0.1:" + std::to_string(client_port_); }

void EtcdServer::Launch() {
  std::string cluster;
  for (const Peer& peer : peers_) {
    cluster += (cluster.empty() ? "" : ",") + peer.name + "=" + HttpUrl(peer.port);
  }
  const std::string client_url = (options_.tls ? "https://" : "http://") + endpoint();
  std::vector<std::string> argv = {"etcd",
                                   "--name=" + self_.name,
                                   "--data-dir=" + directory_.File("data"),
                                   "--initial-cluster=" + cluster,
                                   "--initial-advertise-peer-urls=" + HttpUrl(self_.port),
                                   "--listen-peer-urls=" + HttpUrl(self_.port),
                                   "--listen-client-urls=" + client_url,
                                   "--advertise-client-urls=" + client_url,
                                   "--listen-metrics-urls=" + HttpUrl(metrics_port_),
                                   "--heartbeat-interval=50",
                                   "--election-timeout=250"};
  argv.insert(argv.end(), options_.flags.begin(), options_.flags.end());
  ProcessOptions process;
  // A pipe that nobody empties would stop it.
  const std::string log = directory_.File("log");
  process.before_exec = [&log] {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
  };
  process_.emplace(std::move(argv), process);
}

void EtcdServer::Kill() {
  process_->Signal(SIGKILL);
  process_->Wait();
}
void EtcdServer::Pause() { process_->Signal(SIGSTOP); }
void EtcdServer::Resume() { process_->Signal(SIGCONT); }
void EtcdServer::Start() {
  process_.reset();
  Launch();
  AwaitHealthy();
}

void EtcdServer::AwaitHealthy() {
  if (!Eventually([this] { return Answers("/health", "\"health\":\"true\""); })) {
    Abort("etcd does not become healthy; its log:\n" + ReadFile(directory_.File("log")));
  }
  // A new cluster agrees on its version a moment later, by entries of its own.
  if (options_.tls) return;
  const auto agreed = [this] {
    const std::string version = HttpGet(client_port_, "/version");
    const std::size_t at = version.find("\"etcdserver\":\"");
    return at != std::string::npos &&
           version.find("\"etcdcluster\":\"" + version.substr(at + 14, 4)) != std::string::npos;
  };
  if (!Eventually(agreed)) Abort("the members of etcd do not agree on a version");
}

bool EtcdServer::IsLeader() const { return Answers("/metrics", "\netcd_server_is_leader 1\n"); }

bool EtcdServer::Answers(const std::string& path, const std::string& text) const {
  return HttpGet(metrics_port_, path).find(text) != std::string::npos;
}

double EtcdServer::Metric(const std::string& name, const std::string& labels) const {
  std::istringstream metrics(HttpGet(metrics_port_, "/metrics"));
  double sum = 0;
  for (std::string line; std::getline(metrics, line);) {
    const std::size_t end = line.find_first_of("{ ");
    if (line.substr(0, end) != name || line.find(labels) == std::string::npos) continue;
    sum += std::stod(line.substr(line.rfind(' ')));
  }
  return sum;
}

EtcdCluster::EtcdCluster(const EtcdOptions& options) {
  std::vector<EtcdServer::Peer> peers;
  for (const char* name : {"one", "two", "three"}) {
    peers.push_back({.name = name, .port = FreePort()});
  }
  for (std::size_t index = 0; index < peers.size(); ++index) {
    members_.push_back(std::unique_ptr<EtcdServer>(new EtcdServer(options, index, peers)));
  }
  for (const auto& member : members_) member->AwaitHealthy();
}

std::string EtcdCluster::Url() const {
  std::string url = "etcd://";
  for (const auto& member : members_) {
    url += (member == members_.front() ? "" : ",") + member->endpoint();
  }
  return url;
}

std::size_t EtcdCluster::Leader() const {
  std::size_t leader = 0;
  const bool found = Eventually([&] {
    const auto member = std::find_if(members_.begin(), members_.end(),
                                     [](const auto& candidate) { return candidate->IsLeader(); });
    leader = static_cast<std::size_t>(member - members_.begin());
    return member != members_.end();
  });
  if (!found) Abort("the cluster elects no leader");
  return leader;
}

std::string Etcdctl(const std::string& endpoint, std::vector<std::string> arguments) {
  std::vector<std::string> argv = {"etcdctl", "--endpoints=" + endpoint};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  Process process(std::move(argv), {.environment = {{"ETCDCTL_API", "3"}}, .before_exec = {}});
  if (process.Wait() != 0) Abort("etcdctl: " + process.err());
  return process.out();
}

}  // namespace monopod::testing
