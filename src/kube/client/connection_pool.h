// Connections between two requests: a few, for a short while.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "src/base/clock.h"
#include "src/kube/client/connection.h"

namespace monopod::kube {

class ConnectionPool {
 public:
  // The one last returned whose client certificate is this; nullptr if there is none that still
  // stands, as far as is known.
  std::unique_ptr<Connection> Take(const std::string& certificate);

  void Return(std::unique_ptr<Connection> connection, const std::string& certificate);

 private:
  struct Idle {
    std::unique_ptr<Connection> connection;
    std::string certificate;
    BootTime since;
  };

  std::mutex mutex_;
  std::vector<Idle> idle_;  // the oldest first
};

}  // namespace monopod::kube
