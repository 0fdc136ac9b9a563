// A client of Kubernetes in a test, and what tests ask it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "src/base/clock.h"
#include "src/kube/client/client.h"
#include "tests/support/http_script_server.h"
#include "tests/support/process.h"

namespace monopod::kube {

inline BootTime Soon() { return BootClock::now() + monopod::testing::kPatience; }
// For what waits in vain.
inline BootTime Shortly() { return BootClock::now() + std::chrono::milliseconds(100); }

// What a script waits for until the test lets it pass.
class Gate {
 public:
  void Open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }
  void Await() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, monopod::testing::kPatience, [this] { return is_open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = false;
};

inline ClusterAccess AccessTo(const std::string& url) {
  ClusterAccess access;
  access.server = url;
  access.namespace_ = "default";
  return access;
}

inline Result<Response> Get(Api& api, BootTime deadline = Soon()) {
  return api.Send({.method = Method::kGet, .path = "/version"}, deadline);
}
inline Result<Response> Put(Api& api, BootTime deadline = Soon()) {
  return api.Send({.method = Method::kPut, .path = "/x", .body = "{}"}, deadline);
}

}  // namespace monopod::kube
