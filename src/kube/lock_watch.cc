#include "src/kube/lock_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/base/lock_name.h"
#include "src/base/wait.h"
#include "src/kube/record_codec.h"

namespace monopod::kube {

using protocol::Seen;
using std::chrono::nanoseconds;
using namespace std::chrono_literals;

namespace {

constexpr auto kLongestCall = 3s;
// A caller that waits for ever looks once in a while.
constexpr auto kLongestAwait = 1h;
// Nobody tells of changes meanwhile.
constexpr auto kPollInterval = 2s;
constexpr auto kDeniedFor = 60s;
constexpr nanoseconds kFirstBackoff = 100ms;
constexpr nanoseconds kLongestBackoff = 5s;
// A stream that lasted this long may be opened again at once.
constexpr auto kUsefulLife = 2s;
constexpr auto kLongestRetryAfter = 3s;

// How long the server should keep a stream, so that dead ones do not pile up there.
constexpr int kStreamSeconds = 240;
constexpr int kStreamSpread = 60;

// 0 if the object was not there.
std::uint64_t NumberOf(const protocol::Version& version) {
  return ParseResourceVersion(version).value_or(0);
}

// Whether the server cannot begin at the version that it was asked for: it has forgotten it (410),
// or, after a restore of its store, has not come so far (504).
bool IsOutOfHistory(const Object& status) {
  const auto code = status.Integer({"code"});
  return code == 410 ||
         (code == 504 && status.Text({"message"}).starts_with("Too large resource version"));
}

bool MakesNoSense(const Seen& seen) { return !seen.version.empty() && NumberOf(seen.version) == 0; }

// The version that everything seen is at least as new as; 0 if there is none.
std::uint64_t Oldest(std::span<const Seen> seen) {
  std::uint64_t oldest = 0;
  for (const Seen& each : seen) {
    const std::uint64_t version = NumberOf(each.version);
    if (version > 0 && (oldest == 0 || version < oldest)) oldest = version;
  }
  return oldest;
}

}  // namespace

LockWatch::LockWatch(Options options)
    : options_(std::move(options)), random_(std::random_device{}()) {}

std::vector<Object> LockWatch::Await(SeenOnes seen, BootTime latest, const std::stop_token& stop) {
  const BootTime begun = BootClock::now();
  const BootTime deadline = std::min(latest, begun + kLongestAwait);
  const BootTime poll_at = begun + kPollInterval;
  std::unique_lock lock(mutex_);
  while (true) {
    const BootTime now = last_used_ = BootClock::now();
    if (auto changed = Changed(seen)) return *std::move(changed);
    if (stop.stop_requested() || now >= deadline) return {};
    const bool covered =
        std::ranges::all_of(seen, [&](const Seen& each) { return Covers(each.name); });
    if (!covered && now >= poll_at) return {};
    if (open_) {
      if (const auto unchecked = Unchecked(seen); !unchecked.empty()) {
        lock.unlock();
        if (!AllStand(unchecked, deadline)) return {};
        lock.lock();
        continue;
      }
    }
    const BootTime until = covered ? deadline : std::min(deadline, poll_at);
    if (reading_) {
      moved_.wait_for(lock, stop, std::min<nanoseconds>(until - now, 1s), [&] {
        return !reading_ || std::ranges::any_of(seen, [&](const Seen& s) { return Differs(s); });
      });
      continue;
    }
    reading_ = true;
    lock.unlock();
    const Progress progress = Advance(seen, {.deadline = until, .stop = stop});
    lock.lock();
    reading_ = false;
    moved_.notify_all();
    if (progress == Progress::kLook) return Changed(seen).value_or(std::vector<Object>{});
  }
}

std::uint64_t LockWatch::NewestTold(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(name);
  return known == known_.end() ? 0 : known->second.version;
}

BootTime LockWatch::last_used() {
  const std::lock_guard lock(mutex_);
  return last_used_;
}

bool LockWatch::Covers(const std::string& object) const {
  if (!selection_.by_label) return open_ && selection_.name == object;
  return open_ && ParseSlotRecordName(object).lock == options_.lock;
}

bool LockWatch::Differs(const Seen& seen) const {
  if (MakesNoSense(seen)) return true;
  const auto known = known_.find(seen.name);
  if (known == known_.end()) return false;
  if (seen.version.empty()) return !known->second.gone;
  return known->second.version > NumberOf(seen.version);
}

std::optional<std::vector<Object>> LockWatch::Changed(SeenOnes seen) {
  std::vector<Object> objects;
  bool differs = false;
  bool all_told = true;
  for (const Seen& each : seen) {
    if (!Differs(each)) continue;
    differs = true;
    const auto known = known_.find(each.name);
    if (known == known_.end() || known->second.gone || each.version.empty()) {
      all_told = false;
      // It may be older than what was seen: no reason to wake its caller twice.
      if (each.version.empty() && known != known_.end()) known_.erase(known);
    } else {
      objects.push_back(known->second.object);
    }
  }
  if (!differs) return std::nullopt;
  if (!all_told) objects.clear();
  return objects;
}

// The stream does not tell of a change of these that came before it began. Asked for once.
std::vector<Seen> LockWatch::Unchecked(SeenOnes seen) {
  std::vector<Seen> unchecked;
  for (const Seen& each : seen) {
    const std::uint64_t version = NumberOf(each.version);
    const bool told = Covers(each.name) && since_ > 0 && version >= since_;
    if (told || known_.contains(each.name) || checked_.contains(each.name)) continue;
    checked_.insert(each.name);
    unchecked.push_back(each);
  }
  return unchecked;
}

bool LockWatch::AllStand(SeenOnes seen, BootTime latest) const {
  const BootTime deadline = std::min(latest, BootClock::now() + kLongestCall);
  return std::ranges::all_of(seen, [&](const Seen& each) {
    const auto version = options_.look(each.name, deadline);
    return version && *version == each.version;
  });
}

LockWatch::Selection LockWatch::Wanted(SeenOnes seen) const {
  const bool one_lock = std::ranges::all_of(
      seen, [&](const Seen& each) { return ParseSlotRecordName(each.name).lock == options_.lock; });
  const bool by_label = seen.size() > 1 && one_lock && !label_denied_;
  return {.by_label = by_label, .name = by_label ? std::string() : seen.front().name};
}

LockWatch::Progress LockWatch::Advance(SeenOnes seen, const Until& until) {
  const Selection wanted = Wanted(seen);
  if (stream_ && selection_ != wanted && !selection_.by_label) Close();
  if (!stream_) {
    {
      const std::lock_guard lock(mutex_);
      // What the last one told up to there says nothing of other objects.
      if (selection_ != wanted) progress_ = 0;
      selection_ = wanted;
    }
    if (BootClock::now() < denied_until_) return Pause(kPollInterval, until);
    return Open(seen, until);
  }
  const auto line = stream_->Next(until.deadline, until.stop);
  if (!line) return OnEnd(until);
  return *line ? OnLine(**line, until) : Progress::kGoing;
}

LockWatch::Progress LockWatch::Open(SeenOnes seen, const Until& until) {
  // What was told up to here, a later stream goes on with.
  const bool resumed = progress_ > 0;
  const std::uint64_t from = resumed ? progress_ : from_now_ ? 0 : Oldest(seen);
  const BootTime now = BootClock::now();
  auto opened = options_.api->Watch(Path(from), std::min(until.deadline, now + kLongestCall));
  if (!opened && BootClock::now() >= until.deadline) return Progress::kGoing;
  if (!opened) return BackOff(until);
  if (!opened->stream) return OnRefusal(opened->response, until);
  stream_ = std::move(opened->stream);
  opened_ = now;
  from_now_ = false;
  const std::lock_guard lock(mutex_);
  open_ = true;
  if (!resumed) {
    since_ = from;
    checked_.clear();
    known_.clear();
  }
  return Progress::kGoing;
}

std::string LockWatch::Path(std::uint64_t from) {
  const int seconds =
      kStreamSeconds + std::uniform_int_distribution<int>(0, kStreamSpread)(random_);
  std::string path = fmt::format("{}?watch=1&allowWatchBookmarks=true&timeoutSeconds={}",
                                 options_.collection, seconds);
  path += selection_.by_label
              ? fmt::format("&labelSelector=monopod.dev%2Flock%3D{}", LockLabelValue(options_.lock))
              : fmt::format("&fieldSelector=metadata.name%3D{}", selection_.name);
  if (from > 0) path += fmt::format("&resourceVersion={}", from);
  return path;
}

void LockWatch::StartFromNow() {
  from_now_ = true;
  progress_ = 0;
}

LockWatch::Progress LockWatch::OnRefusal(const Response& response, const Until& until) {
  switch (response.status) {
    case 401:
    case 403:
      // A right that is limited to names does not cover a choice by label.
      if (!selection_.by_label) denied_until_ = BootClock::now() + kDeniedFor;
      label_denied_ = true;
      return selection_.by_label ? Progress::kGoing : Progress::kLook;
    case 410: StartFromNow(); break;
    default:
      if (const auto status = Object::Parse(response.body); status && IsOutOfHistory(*status)) {
        StartFromNow();
      }
      break;
  }
  backoff_ = std::max<nanoseconds>(
      backoff_, std::min<nanoseconds>(response.retry_after.value_or(0s), kLongestRetryAfter) / 2);
  return BackOff(until);
}

LockWatch::Progress LockWatch::OnLine(const std::string& line, const Until& until) {
  const auto event = Object::Parse(line);
  const std::string type = event ? event->Text({"type"}) : std::string();
  auto object = event ? event->Child({"object"}) : std::nullopt;
  const std::uint64_t version =
      object ? NumberOf(object->Text({"metadata", "resourceVersion"})) : 0;
  if (type == "ERROR" || version == 0) {
    if (object && IsOutOfHistory(*object)) StartFromNow();
    Close();
    return BackOff(until);
  }
  progress_ = std::max(progress_, version);
  backoff_ = nanoseconds(0);
  if (type == "BOOKMARK") return Progress::kGoing;
  const std::lock_guard lock(mutex_);
  Known& known = known_[object->Text({"metadata", "name"})];
  if (version >= known.version) {
    known = {.version = version, .gone = type == "DELETED", .object = *std::move(object)};
  }
  moved_.notify_all();
  return Progress::kGoing;
}

LockWatch::Progress LockWatch::OnEnd(const Until& until) {
  Close();
  if (BootClock::now() - opened_ >= kUsefulLife) return Progress::kGoing;
  return BackOff(until);
}

void LockWatch::Close() {
  stream_.reset();
  const std::lock_guard lock(mutex_);
  open_ = false;
}

LockWatch::Progress LockWatch::BackOff(const Until& until) {
  backoff_ = std::clamp<nanoseconds>(2 * backoff_, kFirstBackoff, kLongestBackoff);
  return Pause(backoff_, until);
}

// Of random length, so that those who lost the same server do not come back together.
LockWatch::Progress LockWatch::Pause(nanoseconds longest, const Until& until) {
  const nanoseconds pause(std::uniform_int_distribution<nanoseconds::rep>(
      longest.count() / 2, longest.count())(random_));
  WaitUntil(std::min(until.deadline, BootClock::now() + pause), until.stop);
  return Progress::kLook;
}

}  // namespace monopod::kube
