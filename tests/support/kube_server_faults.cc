#include "tests/support/kube_server_faults.h"

#include <utility>

namespace monopod::testing::kube_server {

void FaultDecider::Set(const KubeFaults& faults) {
  faults_ = faults;
  random_.seed(faults.seed);
}

bool FaultDecider::Draw(double probability) {
  if (probability <= 0 || faults_.times <= 0) return false;
  if (std::uniform_real_distribution<double>(0, 1)(random_) >= probability) return false;
  --faults_.times;
  return true;
}

Verdict FaultDecider::Decide(const KubeRequest& request) {
  if (faults_.only && !faults_.only(request)) return {};
  Verdict verdict{.delay = faults_.delay};
  if (faults_.delay_spread.count() > 0) {
    const std::chrono::nanoseconds spread = faults_.delay_spread;
    verdict.delay += std::chrono::nanoseconds(
        std::uniform_int_distribution<std::chrono::nanoseconds::rep>(0, spread.count())(random_));
  }
  for (const auto& [probability, fault] :
       {std::pair{faults_.lost_request, Fault::kLostRequest},
        std::pair{faults_.lost_reply, Fault::kLostReply},
        std::pair{faults_.too_many_requests, Fault::kTooManyRequests},
        std::pair{faults_.internal_error, Fault::kInternalError},
        std::pair{faults_.unavailable, Fault::kUnavailable}}) {
    if (!Draw(probability)) continue;
    verdict.fault = fault;
    break;
  }
  return verdict;
}

bool FaultDecider::ClosesWatch(const KubeRequest& request) {
  if (faults_.watch_closed <= 0 || (faults_.only && !faults_.only(request))) return false;
  return Draw(faults_.watch_closed);
}

}  // namespace monopod::testing::kube_server
