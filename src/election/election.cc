#include "monopod/election.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "src/base/clock.h"
#include "src/base/wait.h"
#include "src/election/announcement.h"
#include "src/election/election_impl.h"
#include "src/election/passing.h"
#include "src/election/preference_watch.h"

namespace monopod {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr seconds kFirstRetry(1);
constexpr seconds kLongestRetry(15);
// An API server that starts refuses everybody until it knows its rules. Whoever could use the store
// before tries again for so long.
constexpr seconds kPassingDenial(30);
// Candidates look for preferred ones so often, or more often if the TTL is short; who resigned
// stands back so long.
constexpr seconds kLongestInterval(5);
// The TTL of an announcement is the election's, but no more than this: it is to be renewed as often
// as candidates look.
constexpr seconds kLongestAnnouncement = 4 * kLongestInterval;
// Of a lock that was lost: giving it back early is a courtesy.
constexpr seconds kLostReleaseTimeout(1);

// Tells of each leader once. Events come on any thread.
class LeaderSight {
 public:
  explicit LeaderSight(std::function<void(const ElectionOptions::Leader&)> tell)
      : tell_(std::move(tell)) {}

  void OnEvent(const Event& event) {
    if (event.kind != EventKind::kWaiting || event.owner.name.empty()) return;
    See({.holder = event.owner, .since = event.owner_since});
  }

  void See(const ElectionOptions::Leader& leader) {
    {
      const std::lock_guard lock(mutex_);
      if (leader.holder == last_.holder && leader.since == last_.since) return;
      last_ = leader;
    }
    if (tell_) tell_(leader);
  }

  // Whether the store has ever told who leads: then it may be used.
  bool HasSeenAny() const {
    const std::lock_guard lock(mutex_);
    return !last_.holder.name.empty();
  }

 private:
  const std::function<void(const ElectionOptions::Leader&)> tell_;
  mutable std::mutex mutex_;
  ElectionOptions::Leader last_;
};

// The end of a leadership, wanted for the first of several reasons; a loss counts in any case.
class Ending {
 public:
  std::stop_token token() const { return source_.get_token(); }
  LeadershipEnd reason() const {
    const std::lock_guard lock(mutex_);
    return reason_;
  }
  void Want(LeadershipEnd reason) {
    {
      const std::lock_guard lock(mutex_);
      if (reason_ == LeadershipEnd::kNone || reason == LeadershipEnd::kLost) reason_ = reason;
    }
    source_.request_stop();
  }

 private:
  mutable std::mutex mutex_;
  LeadershipEnd reason_ = LeadershipEnd::kNone;
  std::stop_source source_;
};

Result<void> CheckOptions(const ElectionOptions& options, const AcquireOptions& claim) {
  if (!options.on_started) {
    return Fail(ErrorCode::kInvalidArgument, "an election needs on_started");
  }
  if (auto checked = LockClient::Check(options.name, claim); !checked) return checked;
  if (options.priority && (*options.priority < 0 || *options.priority > election::kMaxPriority)) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("the priority {} is not allowed: 0 to {}", *options.priority,
                            election::kMaxPriority));
  }
  return election::CheckElectionName(options.name, options.priority.has_value());
}

}  // namespace

std::string_view LeadershipEndName(LeadershipEnd end) {
  switch (end) {
    case LeadershipEnd::kNone: return "none";
    case LeadershipEnd::kFinished: return "finished";
    case LeadershipEnd::kStopped: return "stopped";
    case LeadershipEnd::kResigned: return "resigned";
    case LeadershipEnd::kPreferred: return "preferred";
    case LeadershipEnd::kLost: return "lost";
  }
  return "unknown";
}

struct Election::Impl {
  Impl(LockClient opened, ElectionOptions chosen, AcquireOptions template_of_claims,
       std::shared_ptr<LeaderSight> leaders)
      : client(std::move(opened)),
        options(std::move(chosen)),
        claim(std::move(template_of_claims)),
        sight(std::move(leaders)),
        interval(std::min<nanoseconds>(options.times.ttl / 4, kLongestInterval)) {}

  Result<std::unique_ptr<election::PreferenceWatch>> WatchPreference(const std::stop_token& stop);
  void TellRetry(const Error& error, nanoseconds wait);
  Result<std::optional<Lock>> Campaign(const std::stop_token& turn, const std::stop_token& stop);
  bool IsWorthAnotherTry(ErrorCode code, nanoseconds lasted);
  void Lead(Lock& lock, election::PreferenceWatch* watch, const std::stop_token& stop) noexcept;

  LockClient client;
  const ElectionOptions options;
  const AcquireOptions claim;
  const std::shared_ptr<LeaderSight> sight;
  const nanoseconds interval;

  // The running thread's.
  ElectionEnd end;
  nanoseconds retry = kFirstRetry;
  std::optional<BootTime> denied_since;  // each time, and soon

  std::mutex retry_mutex;  // on_retry is called by one thread at a time

  std::mutex mutex;                 // guards what follows
  std::shared_ptr<Ending> leading;  // null while there is no leadership to resign
};

Election::Election(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Election::Election(Election&&) noexcept = default;
Election& Election::operator=(Election&&) noexcept = default;
Election::~Election() = default;

Result<Election> Election::Open(ClientOptions client, ElectionOptions election) {
  auto on_event = client.on_event;
  const auto open = [&client](std::function<void(const Event&)> sink) {
    client.on_event = std::move(sink);
    return LockClient::Open(std::move(client));
  };
  return ElectionOverClient::Make(open, std::move(on_event), std::move(election));
}

Result<Election> ElectionOverClient::Make(const Opener& open,
                                          std::function<void(const Event&)> on_event,
                                          ElectionOptions options) {
  AcquireOptions claim{.wait = std::nullopt,
                       .times = options.times,
                       .slots = 1,
                       .lock_delay = options.lock_delay,
                       .foreign_ttl = options.foreign_ttl,
                       .purpose = options.purpose,
                       .on_deadlines = options.on_deadlines};
  if (auto checked = CheckOptions(options, claim); !checked) return Fail(checked.error());
  auto sight = std::make_shared<LeaderSight>(options.on_new_leader);
  // Announcements are no business of whoever listens.
  auto client =
      open([sight, on_event = std::move(on_event), name = options.name](const Event& event) {
        if (event.lock != name) return;
        if (on_event) on_event(event);
        sight->OnEvent(event);
      });
  if (!client) return Fail(std::move(client.error()));
  return Election(std::make_unique<Election::Impl>(std::move(*client), std::move(options),
                                                   std::move(claim), std::move(sight)));
}

const LockClient& Election::client() const { return impl_->client; }

void Election::Resign() {
  std::shared_ptr<Ending> leading;
  {
    const std::lock_guard lock(impl_->mutex);
    leading = impl_->leading;
  }
  if (leading) leading->Want(LeadershipEnd::kResigned);
}

Result<ElectionEnd> Election::Run(const std::stop_token& stop) {
  impl_->end = {};
  auto watch = impl_->WatchPreference(stop);
  if (!watch) return Fail(std::move(watch.error()));
  while (!stop.stop_requested()) {
    const std::stop_token turn = *watch ? (*watch)->AwaitTurn(stop) : std::stop_token();
    if (stop.stop_requested()) break;
    auto lock = impl_->Campaign(turn, stop);
    if (!lock) return Fail(std::move(lock.error()));
    if (!*lock) continue;
    impl_->Lead(**lock, watch->get(), stop);
    if (impl_->end.last == LeadershipEnd::kFinished) break;
    if (impl_->end.last == LeadershipEnd::kResigned) {
      WaitUntil(BootClock::now() + impl_->interval, stop);
    }
  }
  return impl_->end;
}

Result<std::unique_ptr<election::PreferenceWatch>> Election::Impl::WatchPreference(
    const std::stop_token& stop) {
  if (!options.priority) return nullptr;
  auto watch = std::make_unique<election::PreferenceWatch>(
      client, election::PreferenceWatch::Options{
                  .election = options.name,
                  .priority = *options.priority,
                  .times = {.ttl = std::min<nanoseconds>(options.times.ttl, kLongestAnnouncement)},
                  .interval = interval,
                  .patience = options.times.ttl,
                  .on_error = [this](const Error& error) { TellRetry(error, interval); }});
  if (auto started = watch->Start(stop); !started) return Fail(std::move(started.error()));
  return watch;
}

void Election::Impl::TellRetry(const Error& error, nanoseconds wait) {
  if (!options.on_retry) return;
  const std::lock_guard lock(retry_mutex);
  options.on_retry(error, wait);
}

// Nothing: the turn is over, or it is worth another try.
Result<std::optional<Lock>> Election::Impl::Campaign(const std::stop_token& turn,
                                                     const std::stop_token& stop) {
  std::stop_source cancel;
  const std::stop_callback on_turn(turn, [&cancel] { cancel.request_stop(); });
  const std::stop_callback on_stop(stop, [&cancel] { cancel.request_stop(); });
  AcquireOptions attempt = claim;
  attempt.cancel = cancel.get_token();
  const BootTime begun = BootClock::now();
  auto acquired = client.Acquire(options.name, attempt);
  if (acquired) {
    retry = kFirstRetry;
    denied_since.reset();
    return std::move(acquired->lock);
  }
  if (!IsWorthAnotherTry(acquired.error().code, BootClock::now() - begun)) {
    return Fail(std::move(acquired.error()));
  }
  if (!stop.stop_requested()) {
    TellRetry(acquired.error(), retry);
    WaitUntil(BootClock::now() + retry, stop);
    retry = std::min<nanoseconds>(retry * 2, kLongestRetry);
  }
  return std::optional<Lock>();
}

bool Election::Impl::IsWorthAnotherTry(ErrorCode code, nanoseconds lasted) {
  // Who waits for long is not refused meanwhile.
  if (code != ErrorCode::kDenied || lasted > kPassingDenial) denied_since.reset();
  if (election::IsPassing(code)) return true;
  if (code != ErrorCode::kDenied || !sight->HasSeenAny()) return false;
  const BootTime now = BootClock::now();
  if (!denied_since) denied_since = now;
  return now < *denied_since + kPassingDenial;
}

// From the lock to its release. An exception of the work ends the program.
void Election::Impl::Lead(Lock& lock, election::PreferenceWatch* watch,
                          const std::stop_token& stop) noexcept {
  const auto ending = std::make_shared<Ending>();
  {
    const std::lock_guard guard(mutex);
    leading = ending;
  }
  const std::stop_token stand_down = watch != nullptr ? watch->Lead() : std::stop_token();
  {
    const std::stop_callback on_lost(lock.lost(), [&] { ending->Want(LeadershipEnd::kLost); });
    const std::stop_callback on_stop(stop, [&] { ending->Want(LeadershipEnd::kStopped); });
    const std::stop_callback on_preferred(stand_down,
                                          [&] { ending->Want(LeadershipEnd::kPreferred); });
    const Leadership leadership(lock, [ending] { return ending->reason(); });
    // The signal may have come too late to give up the claim.
    if (!stop.stop_requested()) {
      sight->See({.holder = lock.holder(), .since = WallNow(), .is_self = true});
      options.on_started(leadership, ending->token());
      if (ending->reason() == LeadershipEnd::kNone) ending->Want(LeadershipEnd::kFinished);
      if (options.on_stopped) options.on_stopped(leadership);
    }
  }
  {
    const std::lock_guard guard(mutex);
    leading.reset();
  }
  const auto released =
      lock.lost().stop_requested() ? lock.Release(kLostReleaseTimeout) : lock.Release();
  end = {.last = lock.lost().stop_requested() ? LeadershipEnd::kLost : ending->reason(),
         .release_error = released ? std::nullopt : std::optional(released.error())};
  // Who resigned does not ask for it back at once.
  const bool resigned = end.last == LeadershipEnd::kResigned;
  if (watch != nullptr) {
    watch->Wait(resigned ? BootClock::now() + options.times.ttl : BootTime::min());
  }
}

}  // namespace monopod
