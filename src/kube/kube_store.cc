#include "src/kube/kube_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "src/base/lock_name.h"
#include "src/base/wait.h"
#include "src/kube/config_map_record.h"
#include "src/kube/lease_record.h"

namespace monopod::kube {

using protocol::Listed;
using protocol::Record;
using protocol::Seen;
using protocol::Snapshot;
using protocol::Token;
using protocol::Version;
using protocol::Written;
using namespace std::chrono_literals;

namespace {

constexpr auto kLongestRetryAfter = 3s;
constexpr auto kIdleWatch = 30s;
constexpr std::size_t kMostKept = 500;
constexpr int kPageSize = 500;
constexpr int kListAttempts = 3;

std::unique_ptr<const RecordCodec> MakeCodec(ObjectKind kind) {
  if (kind == ObjectKind::kConfigMap) return std::make_unique<ConfigMapCodec>();
  return std::make_unique<LeaseCodec>();
}

Error Conflict(const std::string& name) {
  return {ErrorCode::kConflict, fmt::format("record \"{}\" changed since it was read", name)};
}

// A success whose body is no object: a proxy on the way, perhaps.
Error Garbled(const Call& call) {
  const bool writes = call.verb != "get" && call.verb != "list";
  return {writes ? ErrorCode::kIndeterminate : ErrorCode::kUnavailable,
          "the API server's answer is no object"};
}

// Those whom the server sent away together do not come back together.
std::chrono::nanoseconds Spread(std::chrono::nanoseconds pause) {
  thread_local std::minstd_rand random{std::random_device{}()};
  return pause + std::chrono::nanoseconds(
                     std::uniform_int_distribution<std::int64_t>(0, pause.count() / 4)(random));
}

std::string PercentEncoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    encoded += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

}  // namespace

KubeStore::KubeStore(KubeStoreOptions options)
    : options_(std::move(options)), codec_(MakeCodec(options_.kind)) {}

KubeStore::~KubeStore() = default;

Call KubeStore::CallOf(std::string_view verb, const std::string& name) const {
  return {
      .verb = verb, .resource = codec_->names(), .namespace_ = options_.namespace_, .name = name};
}

std::string KubeStore::Collection() const {
  const ResourceNames& names = codec_->names();
  return fmt::format("{}/namespaces/{}/{}",
                     names.group.empty() ? fmt::format("/api/{}", names.version)
                                         : fmt::format("/apis/{}/{}", names.group, names.version),
                     PercentEncoded(options_.namespace_), names.plural);
}

std::string KubeStore::PathOf(const std::string& name) const {
  return fmt::format("{}/{}", Collection(), PercentEncoded(name));
}

Result<Response> KubeStore::Send(const Request& request, BootTime deadline) {
  BootTime not_before;
  {
    const std::lock_guard lock(mutex_);
    not_before = not_before_;
  }
  const BootTime begun = BootClock::now();
  if (begun >= deadline) {
    return Fail(ErrorCode::kDeadlineExceeded, "time ran out before the store was asked");
  }
  // Whoever has not that much time asks all the same: a hold may depend on it.
  if (not_before >= deadline) not_before = begun + (deadline - begun) / 2;
  if (not_before > begun) WaitUntil(not_before, {});
  auto response = options_.api->Send(request, deadline);
  const bool overloaded = response && (response->status == 429 || response->status == 503);
  if (overloaded && response->retry_after) {
    const auto pause =
        std::min<std::chrono::nanoseconds>(Spread(std::clamp<std::chrono::nanoseconds>(
                                               *response->retry_after, 0s, kLongestRetryAfter)),
                                           deadline - begun);
    const BootTime now = BootClock::now();
    const std::lock_guard lock(mutex_);
    not_before_ = std::max(not_before_, now + pause);
  }
  return response;
}

void KubeStore::Keep(const std::string& name, std::shared_ptr<const Object> object) {
  const Version version = object->Text({"metadata", "resourceVersion"});
  const std::lock_guard lock(mutex_);
  if (kept_.size() >= kMostKept) kept_.clear();
  kept_[name] = {.version = version, .object = std::move(object)};
}

Result<Listed> KubeStore::ReadKept(const std::shared_ptr<const Object>& object) {
  auto listed = ReadObject(*codec_, *object);
  if (!listed) return listed;
  Keep(listed->name, object);
  const std::lock_guard lock(mutex_);
  highest_ = std::max(highest_, listed->snapshot.next_token);
  return listed;
}

Result<std::shared_ptr<const Object>> KubeStore::Get(const std::string& name, BootTime deadline) {
  const Call call = CallOf("get", name);
  const auto response = Send({.method = Method::kGet, .path = PathOf(name)}, deadline);
  if (!response) return Fail(response.error());
  if (IsMissingObject(*response, call)) return std::shared_ptr<const Object>();
  if (response->status != 200) return Fail(ErrorOf(*response, call));
  auto object = Object::Parse(response->body);
  if (!object) return Fail(Garbled(call));
  return std::make_shared<const Object>(*std::move(object));
}

std::uint64_t KubeStore::NewestTold(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto kept = kept_.find(name);
  const auto watch = watches_.find(ParseSlotRecordName(name).lock);
  return std::max<std::uint64_t>(
      kept == kept_.end() ? 0 : ParseResourceVersion(kept->second.version).value_or(0),
      watch == watches_.end() ? 0 : watch->second->NewestTold(name));
}

void KubeStore::Forget(const std::string& name) {
  std::shared_ptr<LockWatch> watch;  // closed after the mutex is free
  const std::lock_guard lock(mutex_);
  kept_.erase(name);
  if (const auto at = watches_.find(ParseSlotRecordName(name).lock); at != watches_.end()) {
    watch = std::move(at->second);
    watches_.erase(at);
  }
}

Result<Snapshot> KubeStore::Read(const std::string& name, BootTime deadline) {
  const std::uint64_t told = NewestTold(name);
  const auto object = Get(name, deadline);
  if (!object) return Fail(object.error());
  if (!*object) {
    const std::lock_guard lock(mutex_);
    return Snapshot{.next_token = highest_ + 1};
  }
  // Versions only rise, so that the server's store was restored from a backup. What was told before
  // would look newer than everything that comes.
  const auto version = ParseResourceVersion((*object)->Text({"metadata", "resourceVersion"}));
  if (version && *version < told) Forget(name);
  auto listed = ReadKept(*object);
  if (!listed) return Fail(std::move(listed.error()));
  return std::move(listed->snapshot);
}

Result<std::shared_ptr<const Object>> KubeStore::BaseOf(const std::string& name,
                                                        const Version& expected,
                                                        BootTime deadline) {
  if (expected.empty()) return std::shared_ptr<const Object>();
  {
    const std::lock_guard lock(mutex_);
    const auto kept = kept_.find(name);
    if (kept != kept_.end() && kept->second.version == expected) return kept->second.object;
  }
  auto object = Get(name, deadline);
  if (!object) return object;
  if (!*object || (*object)->Text({"metadata", "resourceVersion"}) != expected) {
    return Fail(Conflict(name));
  }
  return object;
}

Result<Written> KubeStore::Write(const std::string& name, const Version& expected,
                                 const Record& record, BootTime deadline) {
  const auto base = BaseOf(name, expected, deadline);
  if (!base) return Fail(base.error());
  const auto object =
      WriteObject(*codec_, record, {.namespace_ = options_.namespace_, .name = name}, base->get());
  if (!object) return Fail(object.error());
  const Call call = CallOf(expected.empty() ? "create" : "update", name);
  const auto response = Send({.method = expected.empty() ? Method::kPost : Method::kPut,
                              .path = expected.empty() ? Collection() : PathOf(name),
                              .body = object->Dump()},
                             deadline);
  if (!response) return Fail(response.error());
  if (response->status != 200 && response->status != 201) return Fail(ErrorOf(*response, call));
  auto answer = Object::Parse(response->body);
  const auto version =
      answer ? ParseResourceVersion(answer->Text({"metadata", "resourceVersion"})) : std::nullopt;
  if (!version) return Fail(Garbled(call));
  Keep(name, std::make_shared<const Object>(*std::move(answer)));
  const Token next = std::max(*version, record.token + 1);
  const std::lock_guard lock(mutex_);
  highest_ = std::max(highest_, next);
  return Written{.version = std::to_string(*version), .next_token = next};
}

Result<std::vector<Listed>> KubeStore::List(BootTime deadline) {
  for (int attempt = 1;; ++attempt) {
    bool expired = false;
    auto listed = ListOnce(deadline, expired);
    // The server forgot the version that it was paging through: from the beginning again.
    if (listed || !expired || attempt == kListAttempts) return listed;
  }
}

Result<std::vector<Listed>> KubeStore::ListOnce(BootTime deadline, bool& expired) {
  const ResourceNames& names = codec_->names();
  Call call = CallOf("list", "");
  std::string path = Collection();
  if (options_.all_namespaces) {
    call.namespace_.clear();
    path = fmt::format("{}/{}",
                       names.group.empty() ? fmt::format("/api/{}", names.version)
                                           : fmt::format("/apis/{}/{}", names.group, names.version),
                       names.plural);
  }
  path +=
      fmt::format("?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dmonopod&limit={}", kPageSize);
  std::vector<Listed> all;
  std::string next_page;
  do {
    const auto response = Send({.method = Method::kGet, .path = path + next_page}, deadline);
    if (!response) return Fail(response.error());
    expired = response->status == 410;
    if (response->status != 200) return Fail(ErrorOf(*response, call));
    const auto page = Object::Parse(response->body);
    if (!page) return Fail(Garbled(call));
    for (const Object& object : page->Items()) {
      // One that somebody broke, in any namespace, does not hide the others.
      auto listed = ReadObject(*codec_, object);
      if (!listed) {
        listed = Listed{.name = object.Text({"metadata", "name"}),
                        .snapshot = {},
                        .unreadable = std::move(listed.error())};
      }
      if (options_.all_namespaces) {
        listed->name = object.Text({"metadata", "namespace"}) + "/" + listed->name;
      }
      all.push_back(*std::move(listed));
    }
    const std::string more = page->Text({"metadata", "continue"});
    next_page = more.empty() ? std::string() : "&continue=" + PercentEncoded(more);
  } while (!next_page.empty());
  std::ranges::sort(all, {}, &Listed::name);
  return all;
}

Result<void> KubeStore::Remove(const std::string& name, const Version& expected,
                               BootTime deadline) {
  if (expected.empty()) {
    const auto object = Get(name, deadline);
    if (!object) return Fail(object.error());
    if (*object) return Fail(Conflict(name));
    return {};
  }
  Object options;
  options.SetText({"apiVersion"}, "v1");
  options.SetText({"kind"}, "DeleteOptions");
  options.SetText({"preconditions", "resourceVersion"}, expected);
  const auto response =
      Send({.method = Method::kDelete, .path = PathOf(name), .body = options.Dump()}, deadline);
  if (!response) return Fail(response.error());
  if (response->status == 200 || response->status == 202) return {};
  return Fail(ErrorOf(*response, CallOf("delete", name)));
}

void KubeStore::AwaitChange(std::span<const Seen> seen, BootTime deadline,
                            const std::stop_token& stop) {
  AwaitNews(seen, deadline, stop);
}

std::vector<Listed> KubeStore::AwaitNews(std::span<const Seen> seen, BootTime deadline,
                                         const std::stop_token& stop) {
  if (seen.empty()) {
    WaitUntil(deadline, stop);
    return {};
  }
  const auto watch = WatchOf(ParseSlotRecordName(seen.front().name).lock);
  std::vector<Listed> news;
  for (Object& object : watch->Await(seen, deadline, stop)) {
    auto listed = ReadKept(std::make_shared<const Object>(std::move(object)));
    // Whoever reads it will learn what is wrong with it.
    if (!listed) return {};
    news.push_back(*std::move(listed));
  }
  return news;
}

std::shared_ptr<LockWatch> KubeStore::WatchOf(const std::string& lock) {
  const BootTime now = BootClock::now();
  std::vector<std::shared_ptr<LockWatch>> idle;  // closed after the mutex is free
  const std::lock_guard guard(mutex_);
  for (auto at = watches_.begin(); at != watches_.end();) {
    const bool unused = at->second.use_count() == 1 && at->first != lock &&
                        at->second->last_used() + kIdleWatch < now;
    if (unused) idle.push_back(std::move(at->second));
    at = unused ? watches_.erase(at) : std::next(at);
  }
  auto& watch = watches_[lock];
  if (!watch) {
    watch = std::make_shared<LockWatch>(LockWatch::Options{
        .api = options_.api,
        .collection = Collection(),
        .lock = lock,
        .look = [this](const std::string& name, BootTime deadline) -> std::optional<Version> {
          const auto object = Get(name, deadline);
          if (!object) return std::nullopt;
          return *object ? (*object)->Text({"metadata", "resourceVersion"}) : Version();
        }});
  }
  return watch;
}

}  // namespace monopod::kube
