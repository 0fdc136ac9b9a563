#include "src/election/preference_watch.h"

#include <system_error>
#include <utility>

#include "src/election/passing.h"

namespace monopod::election {
namespace {

// An announcement that is not taken back in time ends by itself.
constexpr std::chrono::seconds kReleaseTimeout(1);

}  // namespace

PreferenceWatch::PreferenceWatch(LockClient& client, Options options)
    : client_(client),
      options_(std::move(options)),
      announcement_lock_(AnnouncementLock(options_.election)),
      preference_({.priority = options_.priority, .patience = options_.patience}) {}

PreferenceWatch::~PreferenceWatch() { end_.request_stop(); }

Result<void> PreferenceWatch::Start(const std::stop_token& stop) {
  try {
    on_stop_.emplace(stop, [this] { end_.request_stop(); });
    thread_ = std::jthread([this] { Watch(end_.get_token()); });
  } catch (const std::system_error& error) {
    return Fail(
        ErrorCode::kUnavailable,
        std::string("cannot start a thread to watch for preferred candidates: ") + error.what());
  }
  return {};
}

std::stop_token PreferenceWatch::AwaitTurn(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, stop, [this] { return looked_ && !preference_.StandsBack(); });
  turn_over_ = std::stop_source();
  return turn_over_.get_token();
}

std::stop_token PreferenceWatch::Lead() {
  const std::lock_guard lock(mutex_);
  leads_ = true;
  looked_ = false;
  look_now_ = true;
  preference_.OnRoleChange();
  turn_over_ = std::stop_source();
  changed_.notify_all();
  return turn_over_.get_token();
}

void PreferenceWatch::Wait(BootTime quiet_until) {
  const std::lock_guard lock(mutex_);
  quiet_until_ = quiet_until;
  leads_ = false;
  looked_ = false;
  look_now_ = true;
  preference_.OnRoleChange();
  changed_.notify_all();
}

void PreferenceWatch::Watch(const std::stop_token& end) {
  while (!end.stop_requested()) {
    bool leads = false;
    {
      const std::lock_guard lock(mutex_);
      leads = leads_;
      look_now_ = false;
    }
    if (announcement_ && (leads || announcement_->lost().stop_requested())) TakeBack();
    const Token own = announcement_ ? announcement_->token() : 0;
    const auto look = LookAtStore(leads, own, end);
    if (end.stop_requested()) break;
    Tell(look ? Result<void>() : Fail(look.error()), told_of_looks_);
    std::optional<Token> replaced;
    bool announces = false;
    std::stop_source turn_over(std::nostopstate);
    {
      const std::lock_guard lock(mutex_);
      if (leads_ != leads) continue;  // the look is of no use any more
      const BootTime now = BootClock::now();
      if (look) preference_.OnLook(*look, own, now);
      looked_ = true;
      announces = look && !leads && preference_.Announces() && now >= quiet_until_;
      replaced = preference_.Replaces();
      if (leads ? preference_.StepsDown() : preference_.StandsBack()) turn_over = turn_over_;
      changed_.notify_all();
    }
    turn_over.request_stop();
    if (announces) Tell(Announce(replaced, end), told_of_announcing_);
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, end, options_.interval, [this] { return look_now_; });
  }
  TakeBack();
}

void PreferenceWatch::TakeBack() {
  if (announcement_) static_cast<void>(announcement_->Release(kReleaseTimeout));
  announcement_.reset();
}

void PreferenceWatch::Tell(const Result<void>& outcome, bool& told) const {
  if (outcome) {
    told = false;
  } else if (!told && !IsPassing(outcome.error().code)) {
    told = true;
    options_.on_error(outcome.error());
  }
}

Result<Preference::Look> PreferenceWatch::LookAtStore(bool leads, Token own,
                                                      const std::stop_token& end) {
  const auto failed = [](const Error& error) {
    return Fail(error.code, "cannot see whether a preferred candidate waits: " + error.message);
  };
  Preference::Look look{.announced = {}, .leads = leads, .lock = {}};
  const auto announced = client_.Status(announcement_lock_);
  if (!announced && announced.error().code != ErrorCode::kNotFound) {
    return failed(announced.error());
  }
  if (announced) look.announced = FindAnnouncement(*announced);
  const bool may_stand_back = look.announced && look.announced->hold.token != own &&
                              look.announced->priority > options_.priority;
  if (leads || !may_stand_back || end.stop_requested()) return look;
  const auto held = client_.Status(options_.election);
  if (!held && held.error().code != ErrorCode::kNotFound) return failed(held.error());
  if (held) look.lock = FindHold(*held);
  return look;
}

// Whatever goes wrong here is tried again after the next look.
Result<void> PreferenceWatch::Announce(std::optional<Token> replaced, const std::stop_token& end) {
  const auto failed = [](const Error& error) {
    return Fail(error.code,
                "cannot announce this candidate, so nobody makes way for it: " + error.message);
  };
  if (replaced) {
    // Its holder notices, looks, and leaves the better one alone.
    const auto broken = client_.Break({.lock = announcement_lock_,
                                       .token = *replaced,
                                       .reason = "a candidate that goes before waits",
                                       .slot = std::nullopt});
    const bool is_over = !broken && (broken.error().code == ErrorCode::kNotHolder ||
                                     broken.error().code == ErrorCode::kNotFound);
    if (!broken && !is_over) return failed(broken.error());
  }
  if (end.stop_requested()) return {};
  // No work is done under it, so nobody's end needs to be waited for.
  auto acquired =
      client_.Acquire(announcement_lock_, {.wait = std::chrono::nanoseconds(0),
                                           .times = options_.times,
                                           .slots = 1,
                                           .unsafe_no_recovery_delay = true,
                                           .purpose = AnnouncementPurpose(options_.priority),
                                           .cancel = end});
  if (!acquired) return failed(acquired.error());
  if (acquired->lock) announcement_ = std::move(*acquired->lock);
  return {};
}

}  // namespace monopod::election
