// Real etcd servers, with a data directory and ports of their own, that a test can kill, pause and
// start again.
//
// Elections take a quarter of a second, so that tests do not wait long; the shortest lease is
// 1 s with it. The destructors kill what runs, and so does the end of the thread that started it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace monopod::testing {

// A port of this machine that nobody listens on, that the kernel gives to nobody who does not ask
// for it, and that no other test gets while this program runs.
int FreePort();

struct EtcdOptions {
  std::vector<std::string> flags;  // further ones, for example --quota-backend-bytes=...
  bool tls = false;                // the flags say which files
};

class EtcdServer {
 public:
  // Starts one, and waits until it answers. Aborts the test program if it does not.
  explicit EtcdServer(EtcdOptions options = {});

  // "127.0.0.1:PORT", for clients.
  std::string endpoint() const;
  std::string Url() const { return "etcd://" + endpoint(); }
  int port() const { return client_port_; }

  void Kill();   // as a crash would
  void Pause();  // connections stay open, nothing is answered
  void Resume();
  void Start();  // again, with the same data, and waits until it answers
  void AwaitHealthy();

  bool IsLeader() const;
  // The sum of a metric over all its labels that contain `labels`; 0 if there is none.
  double Metric(const std::string& name, const std::string& labels = {}) const;

 private:
  friend class EtcdCluster;
  struct Peer {
    std::string name;
    int port = 0;
  };
  EtcdServer(EtcdOptions options, std::size_t index, const std::vector<Peer>& peers);
  void Launch();
  bool Answers(const std::string& path, const std::string& text) const;

  const EtcdOptions options_;
  const std::vector<Peer> peers_;
  const Peer self_;
  const int client_port_;
  const int metrics_port_;
  const TemporaryDirectory directory_;
  std::optional<Process> process_;
};

// Three members.
class EtcdCluster {
 public:
  explicit EtcdCluster(const EtcdOptions& options = {});
  EtcdServer& member(std::size_t index) { return *members_[index]; }
  std::size_t size() const { return members_.size(); }
  std::string Url() const;
  // Waits until there is one.
  std::size_t Leader() const;

 private:
  std::vector<std::unique_ptr<EtcdServer>> members_;
};

// Runs etcdctl to its end, and returns what it wrote to stdout. Aborts if it fails.
std::string Etcdctl(const std::string& endpoint, std::vector<std::string> arguments);

}  // namespace monopod::testing
