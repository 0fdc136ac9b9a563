// The token that stands for a user and a password.
//
// Threads: all may be called concurrently; one of them asks the cluster, the others wait for it.
#pragma once

#include <mutex>
#include <string>

#include "src/base/clock.h"
#include "src/etcd/client/status_error.h"

#include <tl/expected.hpp>

namespace monopod::etcd {

struct Endpoint;  // stubs.h

class Login {
 public:
  Login(std::string user, std::string password)
      : user_(std::move(user)), password_(std::move(password)) {}

  // Empty if there is no user. Asks the cluster only if no token is known.
  tl::expected<std::string, Failure> Token(Endpoint& endpoint, BootTime deadline);
  // The cluster did not accept it.
  void Forget(const std::string& token);

 private:
  const std::string user_;
  const std::string password_;
  std::timed_mutex mutex_;
  std::string token_;
};

}  // namespace monopod::etcd
