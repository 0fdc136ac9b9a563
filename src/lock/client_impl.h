// What a LockClient has: an open store and who it acts for.
#pragma once

#include "monopod/lock_client.h"
#include "src/base/timer.h"
#include "src/lock/store_url.h"

namespace monopod {

namespace lock {
// What any duration may be at most: sums of them never overflow.
inline constexpr std::chrono::nanoseconds kLongestDelay = std::chrono::hours(24 * 365);
}  // namespace lock

struct LockClient::Impl {
  ClientOptions options;
  lock::OpenedStore opened;
  Holder holder;
  Timer timer;  // of its holds

  lock::Backend& backend() const { return *opened.backend; }
  BootTime Deadline() const { return BootClock::now() + options.store_timeout; }
  void Tell(Event event) const {
    if (options.on_event) options.on_event(event);
  }
};

// A client over a store that is open already.
struct LockClientOverStore {
  static Result<LockClient> Make(lock::OpenedStore opened, ClientOptions options);
  static const LockClient::Impl& Of(const LockClient& client) { return *client.impl_; }
};

}  // namespace monopod
