// The label monopod.dev/leader=true on this process's own pod, so that a Service with that selector
// reaches the leader only.
//
// It is put on after the leadership began and taken off before the lock is given back, so while all
// goes well at most one pod has it. It is no fence: if the API server cannot be reached when the
// leadership ends, or the process is killed, the label stays until the container starts again
// (which takes it off as soon as the API server lets it), the pod is deleted, or somebody else
// takes it off. Clients that come by the Service may then meet a pod that does not lead: let the
// program refuse them.
//
// Threads: calls must not overlap.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "monopod/result.h"
#include "src/base/clock.h"
#include "src/kube/api.h"

namespace monopod::election {

class PodLabel {
 public:
  struct Pod {
    std::string name;
    std::string namespace_;
  };
  PodLabel(std::shared_ptr<kube::Api> api, Pod pod) : api_(std::move(api)), pod_(std::move(pod)) {}

  // Each blocks until it is done or `deadline`, and does no harm when repeated.
  //   kDenied: the message has the rule to grant. kNotFound: no such pod: check POD_NAME and
  //   POD_NAMESPACE. kUnavailable, kIndeterminate: not known to be done; try again.
  Result<void> PutOn(BootTime deadline) { return Patch(true, deadline, {}); }
  Result<void> TakeOff(BootTime deadline) { return Patch(false, deadline, {}); }

  // Tries to take it off, a second to fifteen apart, until that is done, will never be (errors as
  // above), or `stop` is requested: then kUnavailable or kIndeterminate, after two seconds at most.
  Result<void> KeepTakingOff(const std::stop_token& stop);

 private:
  Result<void> Patch(bool leads, BootTime deadline, const std::stop_token& stop);

  const std::shared_ptr<kube::Api> api_;
  const Pod pod_;
};

}  // namespace monopod::election
