// As whom requests are made, now: token files are read with each request, so that they can be
// replaced at any time; the last good token serves while one cannot be read or is empty. An exec
// plugin's credential serves until it expires, or is refused.
//
// Threads: any.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "monopod/result.h"
#include "src/base/clock.h"
#include "src/kube/client/access.h"
#include "src/kube/client/exec_plugin.h"
#include "src/kube/client/single_flight.h"

namespace monopod::kube {

struct Credential {
  std::string authorization;  // the header's value, or empty
  // PEM, from an exec plugin; used instead of that of the user if not empty.
  std::string certificate;
  std::string key;

  bool operator==(const Credential&) const = default;
};

class Credentials {
 public:
  explicit Credentials(ClusterAccess access) : access_(std::move(access)) {}

  // Fails with kDenied if there is none, with kUnavailable if an exec plugin takes too long.
  Result<Credential> Get(BootTime deadline);

  // Another one than that which the server refused, or nothing.
  std::optional<Credential> Renew(const Credential& refused, BootTime deadline);

 private:
  // What the plugin's thread leaves, even if nobody waits for it any more.
  struct Cache {
    std::mutex mutex;
    std::optional<ExecCredential> credential;
  };

  Result<Credential> OfToken();
  Result<Credential> RunPlugin(BootTime deadline);
  // Unless it has expired.
  std::optional<Credential> Cached() const;

  const ClusterAccess access_;
  const std::shared_ptr<Cache> cache_ = std::make_shared<Cache>();
  SingleFlight<Result<ExecCredential>> plugin_;
  std::mutex mutex_;
  std::string last_token_;
};

}  // namespace monopod::kube
