// An election over a client that is opened otherwise than by its URL.
#pragma once

#include <functional>

#include "monopod/election.h"

namespace monopod {

struct ElectionOverClient {
  // Opens a client that tells its events to `on_event`.
  using Opener = std::function<Result<LockClient>(std::function<void(const Event&)> on_event)>;
  // `on_event`: the caller's; may be empty.
  static Result<Election> Make(const Opener& open, std::function<void(const Event&)> on_event,
                               ElectionOptions options);
};

}  // namespace monopod
