#include "monopod/lock_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/base/identity.h"
#include "src/base/lock_name.h"
#include "src/base/nonce.h"
#include "src/lock/client_impl.h"
#include "src/lock/driver.h"
#include "src/lock/keeper.h"
#include "src/lock/text.h"

namespace monopod {
namespace {

using std::chrono::nanoseconds;

Result<protocol::Claim> MakeClaim(std::string_view name, const AcquireOptions& options,
                                  const Holder& holder, const protocol::TimesLimits& limits) {
  if (auto checked = CheckLockName(name); !checked) return Fail(checked.error());
  if (auto checked = lock::CheckText("purpose", options.purpose); !checked)
    return Fail(checked.error());
  if (options.slots && (*options.slots < 1 || *options.slots > kMaxSlots)) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("{} slots are not allowed: 1 to {}", *options.slots, kMaxSlots));
  }
  for (const nanoseconds delay :
       {options.lock_delay, options.foreign_ttl.value_or(nanoseconds(0))}) {
    if (delay < nanoseconds(0) || delay > lock::kLongestDelay) {
      return Fail(ErrorCode::kInvalidArgument,
                  "the lock delay and the foreign TTL are from 0 to 8760h");
    }
  }
  const auto times = protocol::MakeTimes({.ttl = options.times.ttl,
                                          .renew = options.times.renew,
                                          .attempt = options.times.attempt,
                                          .term = options.times.term,
                                          .kill = options.times.kill},
                                         limits);
  if (!times) return Fail(times.error());
  protocol::Claim claim{.lock = std::string(name),
                        .holder = holder,
                        .times = *times,
                        .slots = options.slots,
                        .lock_delay = options.lock_delay,
                        .recovery_delay = !options.unsafe_no_recovery_delay,
                        .foreign_ttl = options.foreign_ttl,
                        .wait_for_live_holder = !options.no_wait};
  claim.holder.instance = RandomNonce();
  claim.holder.purpose = options.purpose;
  if (options.wait && !options.no_wait) {
    // A year is for ever; a sum with more could overflow.
    if (*options.wait < lock::kLongestDelay) {
      claim.give_up_at = BootClock::now() + std::max(*options.wait, nanoseconds(0));
    }
  }
  return claim;
}

Result<void> CheckOptions(const ClientOptions& options, const lock::StoreUrl& url) {
  if (auto checked = lock::CheckText("holder", options.holder); !checked) return checked;
  if (options.store_timeout <= nanoseconds(0) || options.store_timeout > lock::kLongestDelay) {
    return Fail(ErrorCode::kInvalidArgument,
                "the store time-out must be more than 0 and at most 8760h");
  }
  if (options.require_shared && !url.shared()) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("a shared store is required, but {} is seen by this machine only",
                            url.ToString()));
  }
  return {};
}

struct Attempt {
  std::unique_ptr<lock::Driver> driver;
  bool held = false;
};

// Drives the claim until it holds or is done.
Result<Attempt> Drive(std::unique_ptr<lock::Driver> driver, const AcquireOptions& options,
                      nanoseconds store_timeout) {
  bool stopping = false;
  while (true) {
    if (!stopping && options.cancel.stop_requested()) {
      driver->Stop(BootClock::now() + store_timeout);
      stopping = true;
    }
    switch (driver->Step(stopping ? std::stop_token() : options.cancel)) {
      case lock::Driver::Progress::kGoing: break;
      case lock::Driver::Progress::kHeld: return Attempt{std::move(driver), true};
      case lock::Driver::Progress::kLost:
      case lock::Driver::Progress::kDone: {
        const protocol::DoneAction& done = driver->done();
        if (done.outcome == protocol::Outcome::kFailed ||
            done.outcome == protocol::Outcome::kUnknown) {
          return Fail(done.error);
        }
        return Attempt{std::move(driver), false};
      }
    }
  }
}

}  // namespace

LockClient::LockClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LockClient::LockClient(LockClient&&) noexcept = default;
LockClient& LockClient::operator=(LockClient&&) noexcept = default;
LockClient::~LockClient() = default;

Result<LockClient> LockClient::Open(ClientOptions options) {
  const auto url = lock::ParseStoreUrl(options.store);
  if (!url) return Fail(url.error());
  if (auto checked = CheckOptions(options, *url); !checked) return Fail(checked.error());
  auto opened = lock::OpenStore(*url, options);
  if (!opened) return Fail(std::move(opened.error()));
  return LockClientOverStore::Make(std::move(*opened), std::move(options));
}

Result<LockClient> LockClientOverStore::Make(lock::OpenedStore opened, ClientOptions options) {
  Identity identity = IdentityFromEnvironment();
  const std::pair<const char*, const std::string*> texts[] = {
      {"pod or host name", &identity.name},
      {"pod namespace", &identity.namespace_},
      {"node name", &identity.node}};
  for (const auto& [what, text] : texts) {
    if (auto checked = lock::CheckText(what, *text); !checked) return Fail(checked.error());
  }
  auto impl = std::make_unique<LockClient::Impl>();
  impl->holder = {.name = options.holder.empty() ? std::move(identity.name) : options.holder,
                  .namespace_ = std::move(identity.namespace_),
                  .node = std::move(identity.node)};
  impl->options = std::move(options);
  impl->opened = std::move(opened);
  return LockClient(std::move(impl));
}

const std::string& LockClient::store() const { return impl_->opened.url; }
const std::string& LockClient::scope() const { return impl_->opened.scope; }
const Holder& LockClient::holder() const { return impl_->holder; }

Result<void> LockClient::Check(std::string_view lock, const AcquireOptions& options) {
  const auto claim = MakeClaim(lock, options, {}, {});
  if (!claim) return Fail(claim.error());
  return {};
}

Result<Acquisition> LockClient::Acquire(std::string_view lock, const AcquireOptions& options) {
  auto claim = MakeClaim(lock, options, impl_->holder, impl_->opened.limits);
  if (!claim) return Fail(std::move(claim.error()));
  claim->store_timeout = impl_->options.store_timeout;
  auto attempt = Drive(impl_->backend().NewDriver(std::move(*claim), impl_->options.on_event),
                       options, impl_->options.store_timeout);
  if (!attempt) return Fail(std::move(attempt.error()));
  if (!attempt->held) return Acquisition{.lock = {}, .owner = attempt->driver->last_event().owner};
  auto keeper = lock::Keeper::Start(std::move(attempt->driver), options.on_deadlines, impl_->timer);
  if (!keeper) return Fail(std::move(keeper.error()));
  return Acquisition{.lock = Lock(std::move(*keeper)), .owner = {}};
}

Result<HandleAcquisition> LockClient::AcquireHandle(std::string_view lock,
                                                    const AcquireOptions& options, bool sticky) {
  auto claim = MakeClaim(lock, options, impl_->holder, impl_->opened.limits);
  if (!claim) return Fail(std::move(claim.error()));
  claim->store_timeout = impl_->options.store_timeout;
  claim->kind = sticky ? HoldKind::kSticky : HoldKind::kDetached;
  auto attempt = Drive(impl_->backend().NewDriver(std::move(*claim), impl_->options.on_event),
                       options, impl_->options.store_timeout);
  if (!attempt) return Fail(std::move(attempt.error()));
  const lock::Driver& driver = *attempt->driver;
  if (!attempt->held) return HandleAcquisition{.handle = {}, .owner = driver.last_event().owner};
  return HandleAcquisition{.handle = Handle{.lock = driver.claim().lock,
                                            .slot = driver.slot(),
                                            .token = driver.token(),
                                            .instance = driver.claim().holder.instance},
                           .owner = {}};
}

}  // namespace monopod
