// Which fault a request meets.
//
// Threads: one.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

#include "tests/support/kube_server.h"

namespace monopod::testing::kube_server {

enum class Fault : std::uint8_t {
  kNone,
  kLostRequest,
  kLostReply,
  kTooManyRequests,
  kInternalError,
  kUnavailable
};

struct Verdict {
  std::chrono::nanoseconds delay = {};
  Fault fault = Fault::kNone;
};

class FaultDecider {
 public:
  void Set(const KubeFaults& faults);
  const KubeFaults& faults() const { return faults_; }

  Verdict Decide(const KubeRequest& request);
  // Whether this event of a watch closes it.
  bool ClosesWatch(const KubeRequest& request);

 private:
  bool Draw(double probability);

  KubeFaults faults_;
  std::mt19937_64 random_;
};

}  // namespace monopod::testing::kube_server
