// The endpoints of one cluster, a connection to each, and which one calls begin with.
//
// Threads: all may be called concurrently.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "monopod/result.h"
#include "src/base/clock.h"
#include "src/etcd/client/client_options.h"
#include "src/etcd/client/connection_driver.h"

namespace monopod::etcd {

struct Endpoint;  // stubs.h

class Endpoints {
 public:
  explicit Endpoints(ClientOptions options);
  Endpoints(const Endpoints&) = delete;
  Endpoints& operator=(const Endpoints&) = delete;
  ~Endpoints();

  const std::vector<std::string>& names() const { return options_.endpoints; }
  std::size_t size() const { return names().size(); }

  // Where a call begins.
  std::size_t current() const { return current_; }
  // Calls begin at the next one from now on, unless they do not begin at `index` any more.
  void Leave(std::size_t index);

  // Connected or not. `index` may be too large by whole rounds, here and below.
  std::shared_ptr<Endpoint> At(std::size_t index) const;

  // Connects, if need be. Fails with kUnavailable, or with kDenied if one side does not trust the
  // other's certificate; the message says why, but not where.
  Result<std::shared_ptr<Endpoint>> Connect(std::size_t index, BootTime deadline);

 private:
  struct Credentials;

  Result<void> AwaitConnection(Endpoint& endpoint, BootTime deadline) const;
  Error WhyNot(Endpoint& endpoint, BootTime deadline) const;
  bool Reload();
  void Open();

  const ClientOptions options_;
  ConnectionDriver driver_;  // outlives the endpoints
  std::atomic<std::size_t> current_ = 0;
  mutable std::mutex mutex_;  // guards what follows
  std::unique_ptr<const Credentials> credentials_;
  std::vector<std::shared_ptr<Endpoint>> endpoints_;
};

}  // namespace monopod::etcd
