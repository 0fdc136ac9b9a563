#include "src/etcd/client/watch_hub.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "src/etcd/client/convert.h"
#include "src/etcd/client/stubs.h"

namespace monopod::etcd {
namespace {

namespace pb = etcdserverpb;
using namespace std::chrono_literals;

// How long a server may take to confirm a watch, or to give a token, before another is asked.
constexpr BootClock::duration kPatience = 2s;
// The first can be the token's fault.
constexpr int kMostRefusals = 2;
constexpr BootClock::duration kShortestDelay = 50ms;
constexpr BootClock::duration kLongestDelay = 1s;

pb::WatchRequest Creation(std::int64_t id, const WatchedRange& range) {
  pb::WatchRequest request;
  pb::WatchCreateRequest& creation = *request.mutable_create_request();
  creation.set_watch_id(id);
  creation.set_key(range.key);
  creation.set_range_end(range.end);
  creation.set_prev_kv(true);
  return request;
}

}  // namespace

class WatchHub::Watcher {
 public:
  Watcher(WatchedRange range, std::function<void(WatchReport)> report)
      : range_(std::move(range)), report_(std::move(report)) {}

  void Report(WatchReport report) {
    const std::lock_guard lock(mutex_);
    if (!ended_) report_(std::move(report));
  }
  void End() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }

  const WatchedRange& range() const { return range_; }

  // For the hub, guarded by its mutex.
  bool confirmed = false;  // by the server of the current stream
  int refusals = 0;        // since a stream broke

 private:
  const WatchedRange range_;
  std::recursive_mutex mutex_;  // a report may end its own watch
  const std::function<void(WatchReport)> report_;
  bool ended_ = false;
};

class WatchHub::Handle : public Watch {
 public:
  Handle(WatchHub& hub, Id id, std::shared_ptr<Watcher> watcher)
      : hub_(hub), id_(id), watcher_(std::move(watcher)) {}
  ~Handle() override {
    hub_.Stop(id_);
    watcher_->End();
  }

 private:
  WatchHub& hub_;
  const Id id_;
  const std::shared_ptr<Watcher> watcher_;
};

WatchHub::~WatchHub() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (stream_ != nullptr) stream_->Cancel();
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::unique_ptr<Watch> WatchHub::Start(WatchedRange range,
                                       std::function<void(WatchReport)> report) {
  auto watcher = std::make_shared<Watcher>(std::move(range), std::move(report));
  const std::lock_guard lock(mutex_);
  const Id id = ++last_id_;
  watchers_.emplace(id, watcher);
  if (stream_ != nullptr) Create(id, *watcher);
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  changed_.notify_all();
  return std::make_unique<Handle>(*this, id, std::move(watcher));
}

// With the mutex held, and a stream.
void WatchHub::Create(Id id, const Watcher& watcher) {
  awaited_.push_back(id);
  stream_->Send(Creation(id, watcher.range()));
}

void WatchHub::Stop(Id id) {
  const std::lock_guard lock(mutex_);
  watchers_.erase(id);
  if (stream_ == nullptr) return;
  pb::WatchRequest request;
  request.mutable_cancel_request()->set_watch_id(id);
  stream_->Send(std::move(request));
}

bool WatchHub::AnyAwaited() {
  const std::lock_guard lock(mutex_);
  return !awaited_.empty();
}

void WatchHub::Run() {
  BootClock::duration delay{0};
  while (AwaitWork(delay)) {
    Endpoints& endpoints = caller_.endpoints();
    const std::size_t index = endpoints.current();
    const BootTime began = BootClock::now();
    const End end = RunStream(*endpoints.At(index));
    if (end == End::kBroken) endpoints.Leave(index);
    Report(end);
    const bool lived = BootClock::now() - began > kLongestDelay;
    delay = lived ? 0s : std::clamp(2 * delay, kShortestDelay, kLongestDelay);
  }
}

// False when the hub is to end.
bool WatchHub::AwaitWork(BootClock::duration delay) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, delay, [this] { return stopping_; });
  changed_.wait(lock, [this] { return stopping_ || !watchers_.empty(); });
  return !stopping_;
}

WatchHub::End WatchHub::RunStream(Endpoint& endpoint) {
  const auto token = caller_.login().Token(endpoint, BootClock::now() + kPatience);
  if (!token) return End::kBroken;
  WatchStream stream(endpoint, *token);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return End::kBroken;
    stream_ = &stream;
    awaited_.clear();
    for (const auto& [id, watcher] : watchers_) {
      if (watcher->refusals < kMostRefusals) Create(id, *watcher);
    }
  }
  std::optional<BootTime> give_up = BootClock::now() + kPatience;
  End end = End::kBroken;
  pb::WatchResponse response;
  while (true) {
    const WatchStream::Turn turn = stream.Next(give_up.value_or(BootTime::max()), response);
    if (turn == WatchStream::Turn::kTimeout || turn == WatchStream::Turn::kOver) break;
    const bool responded = turn == WatchStream::Turn::kResponse;
    if (responded && !Understand(response)) {
      // It may be the token that the server does not like.
      caller_.login().Forget(*token);
      end = End::kRefused;
      break;
    }
    if (!AnyAwaited()) {
      give_up.reset();
    } else if (responded || !give_up) {
      give_up = BootClock::now() + kPatience;
    }
  }
  const std::lock_guard lock(mutex_);
  stream_ = nullptr;
  return end;
}

// False if the server refused or ended a watch.
bool WatchHub::Understand(const pb::WatchResponse& response) {
  std::shared_ptr<Watcher> watcher;
  {
    const std::lock_guard lock(mutex_);
    Id id = response.watch_id();
    if (response.created() && !awaited_.empty()) {
      id = awaited_.front();  // a refusal need not name it
      awaited_.pop_front();
    }
    const auto found = watchers_.find(id);
    if (found != watchers_.end()) watcher = found->second;
    if (response.canceled()) {
      if (watcher != nullptr) ++watcher->refusals;
      // Else it confirms that a watch was ended by us.
      return !response.created() && watcher == nullptr;
    }
    if (watcher == nullptr) return true;
    if (response.created()) watcher->confirmed = true;
  }
  if (response.created()) watcher->Report({.kind = WatchReport::Kind::kStarted});
  if (response.events().empty()) return true;
  WatchReport report{.kind = WatchReport::Kind::kEvents};
  for (const mvccpb::Event& event : response.events()) report.events.push_back(Convert(event));
  watcher->Report(std::move(report));
  return true;
}

// Tells those whose watch had started.
void WatchHub::Report(End end) {
  std::vector<std::shared_ptr<Watcher>> broken;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, watcher] : watchers_) {
      if (end == End::kBroken) watcher->refusals = 0;
      if (std::exchange(watcher->confirmed, false)) broken.push_back(watcher);
    }
  }
  for (const auto& watcher : broken) watcher->Report({.kind = WatchReport::Kind::kBroken});
}

}  // namespace monopod::etcd
