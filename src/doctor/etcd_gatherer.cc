#include "src/doctor/etcd_gatherer.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "src/base/lock_name.h"
#include "src/base/nonce.h"
#include "src/base/wait.h"
#include "src/doctor/claim_ends.h"
#include "src/etcd/client/client.h"
#include "src/etcd/lock_keys.h"

namespace monopod::doctor {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using namespace std::chrono_literals;

// From the beginning, in this order; the last is kGatherAtMost.
constexpr nanoseconds kFirstAnswers = 3s;
constexpr nanoseconds kSecondAnswers = 5500ms;

constexpr int kAsks = 3;
constexpr int kCommits = 10;
constexpr nanoseconds kWatchFor = 2s;
constexpr std::int64_t kMostKeys = 10'000;
constexpr std::size_t kMostLeases = 500;

MemberFacts AskMember(etcd::ClientOptions options, const std::string& endpoint, BootTime deadline) {
  MemberFacts facts{.endpoint = endpoint};
  options.endpoints = {endpoint};
  const auto client = etcd::MakeClient(options);
  for (int i = 0; i < kAsks; ++i) {
    const BootTime sent = BootClock::now();
    auto status = client->Status(endpoint, deadline);
    if (!status) {
      if (!facts.status) facts.error = std::move(status.error());
      return facts;
    }
    const nanoseconds latency = BootClock::now() - sent;
    facts.latency = i == 0 ? latency : std::min(facts.latency, latency);
    facts.status = std::move(*status);
  }
  return facts;
}

std::string EndpointOf(std::string url) {
  const std::size_t scheme = url.find("://");
  if (scheme != std::string::npos) url.erase(0, scheme + 3);
  if (url.ends_with('/')) url.pop_back();
  return url;
}

class Gatherer {
 public:
  Gatherer(const etcd::ClientOptions& options, std::int64_t quota)
      : options_(options), client_(etcd::MakeClient(options)) {
    facts_.prefix = options.prefix;
    facts_.quota = quota;
    facts_.members.resize(options.endpoints.size());
  }

  EtcdFacts Run() {
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < options_.endpoints.size(); ++i) {
        threads.emplace_back([this, i] {
          facts_.members[i] = AskMember(options_, options_.endpoints[i], begin_ + kFirstAnswers);
        });
      }
      threads.emplace_back([this] { AskForOthers(); });
      threads.emplace_back([this] { AskForAlarms(); });
      LookAtLocks();
    }
    AddOthers();
    facts_.now = WallNow();
    return std::move(facts_);
  }

 private:
  void AskForOthers();
  void AskForAlarms();
  void AddOthers();
  void LookAtLocks();
  Result<std::map<std::string, etcd::LockContents>> ReadLocks(BootTime deadline);
  void AskForLeases();
  void MeasureCommits();

  const etcd::ClientOptions options_;
  const std::unique_ptr<etcd::Client> client_;
  const BootTime begin_ = BootClock::now();
  EtcdFacts facts_;  // each field is one thread's until all have ended
  std::vector<MemberFacts> others_;
  std::vector<etcd::MemberId> other_ids_;
  std::map<std::string, LockFacts> locks_;
};

// Members that the cluster knows and the user did not name.
void Gatherer::AskForOthers() {
  auto listed = client_->Members(begin_ + kFirstAnswers);
  if (!listed) return;
  std::vector<std::string> endpoints;
  for (const etcd::Member& member : *listed) {
    for (const std::string& url : member.client_urls) {
      const std::string endpoint = EndpointOf(url);
      if (std::ranges::find(options_.endpoints, endpoint) != options_.endpoints.end()) continue;
      endpoints.push_back(endpoint);
      other_ids_.push_back(member.member);
    }
  }
  facts_.listed = std::move(*listed);
  others_.resize(endpoints.size());
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    threads.emplace_back([this, i, endpoint = endpoints[i]] {
      others_[i] = AskMember(options_, endpoint, begin_ + 2 * kFirstAnswers);
      others_[i].configured = false;
    });
  }
}

void Gatherer::AskForAlarms() {
  facts_.alarms = client_->Alarms(begin_ + kFirstAnswers).value_or(std::vector<etcd::Alarm>());
  // Who may not look there is not told that it exists.
  const auto registry = client_->Transact(
      {.compares = {},
       .then = {etcd::Range{
           .key = "/registry/", .end = "/registry0", .limit = 1, .keys_only = true}}},
      begin_ + kFirstAnswers);
  if (!registry || registry->replies.empty()) return;
  const auto* range = std::get_if<etcd::RangeReply>(&registry->replies.front());
  facts_.kubernetes = range != nullptr && !range->found.empty();
}

// A member may have several addresses, and a user may name it by one that the cluster does not
// know.
void Gatherer::AddOthers() {
  std::set<etcd::MemberId> known;
  for (const MemberFacts& member : facts_.members) {
    if (member.status) known.insert(member.status->member);
  }
  for (const bool answered : {true, false}) {
    for (std::size_t i = 0; i < others_.size(); ++i) {
      if (others_[i].status.has_value() != answered) continue;
      if (known.insert(other_ids_[i]).second) facts_.members.push_back(std::move(others_[i]));
    }
  }
}

Result<std::map<std::string, etcd::LockContents>> Gatherer::ReadLocks(BootTime deadline) {
  const auto reply = client_->Transact(
      {.compares = {},
       .then = {etcd::Range{
           .key = options_.prefix, .end = etcd::EndOfPrefix(options_.prefix), .limit = kMostKeys}}},
      deadline);
  if (!reply) return Fail(reply.error());
  std::map<std::string, etcd::LockContents> locks;
  const auto* range = std::get_if<etcd::RangeReply>(&reply->replies.front());
  if (range == nullptr) return Fail(ErrorCode::kInternal, "a range was not answered with keys");
  facts_.too_many_keys = range->more;
  if (range->more) return locks;
  for (const etcd::KeyValue& at : range->found) {
    const auto key = etcd::ParseLockKey(options_.prefix, at.key);
    if (!key || !CheckLockName(key->lock)) continue;
    etcd::LockContents& contents = locks[key->lock];
    switch (key->kind) {
      case etcd::LockKey::Kind::kMember:
      case etcd::LockKey::Kind::kForeign: contents.members.push_back(at); break;
      case etcd::LockKey::Kind::kMarker: contents.markers.push_back(at); break;
      case etcd::LockKey::Kind::kTail: contents.tail = at; break;
      case etcd::LockKey::Kind::kSlots: contents.slots = at; break;
    }
  }
  return locks;
}

void Gatherer::AskForLeases() {
  std::size_t asked = 0;
  for (auto& [name, lock] : locks_) {
    for (const etcd::KeyValue& member : lock.contents.members) {
      if (member.lease == etcd::kNoLease || lock.leases.contains(member.lease)) continue;
      if (++asked > kMostLeases) return;
      const auto left = client_->AskTimeToLive(member.lease, begin_ + kSecondAnswers);
      if (!left) return;
      lock.leases[member.lease] = *left;
    }
  }
}

void Gatherer::MeasureCommits() {
  const etcd::Transaction nothing{
      .compares = {}, .then = {etcd::Delete{options_.prefix + "doctor/" + RandomNonce()}}};
  for (int i = 0; i < kCommits; ++i) {
    const BootTime sent = BootClock::now();
    const auto reply = client_->Transact(nothing, begin_ + kSecondAnswers);
    if (!reply) {
      facts_.write_failed = reply.error();
      return;
    }
    facts_.commits.push_back(BootClock::now() - sent);
  }
}

void Gatherer::LookAtLocks() {
  const auto first = ReadLocks(begin_ + kFirstAnswers);
  if (!first) {
    facts_.read_failed = first.error();
    return;
  }
  for (const auto& [name, contents] : *first) {
    LockFacts& lock = locks_[name];
    lock.contents = contents;
    const etcd::LockKeys keys(options_.prefix, name);
    for (const etcd::KeyValue& marker : contents.markers) {
      const auto id = keys.IdOfMarker(marker.key);
      const auto member =
          std::ranges::find(contents.members, keys.Member(id.value_or("")), &etcd::KeyValue::key);
      if (id && member == contents.members.end()) lock.orphans_before.insert(marker.key);
    }
    if (contents.tail) lock.tail_before = contents.tail->value;
  }
  AskForLeases();
  ClaimEnds ends(options_.prefix);
  const BootTime watched_from = BootClock::now();
  {
    const auto watch =
        client_->StartWatch(options_.prefix, etcd::EndOfPrefix(options_.prefix),
                            [&ends](const etcd::WatchReport& report) { ends.Take(report); });
    MeasureCommits();
    WaitUntil(std::min(watched_from + kWatchFor, begin_ + kGatherAtMost - 1s), {});
  }
  facts_.watched = std::chrono::round<milliseconds>(BootClock::now() - watched_from);
  const auto last = ReadLocks(begin_ + kGatherAtMost);
  if (!last) {
    facts_.read_failed = last.error();
    return;
  }
  for (auto& [name, lock] : locks_) lock.contents = {};
  for (const auto& [name, contents] : *last) locks_[name].contents = contents;
  for (const auto& [name, count] : ends.counts()) {
    if (!CheckLockName(name)) continue;
    locks_[name].ended = count.ended;
    locks_[name].ended_unclean = count.unclean;
  }
  for (auto& [name, lock] : locks_) {
    lock.name = name;
    facts_.locks.push_back(std::move(lock));
  }
}

}  // namespace

EtcdFacts GatherEtcd(const etcd::ClientOptions& options, std::int64_t quota) {
  return Gatherer(options, quota).Run();
}

Result<KeyListing> ListKeys(etcd::Api& api, const KeyQuestion& question, BootTime deadline) {
  // The first key behind all that begin with the prefix; "\0" stands for the end of all.
  const std::string all(1, '\0');
  std::string end = question.prefix;
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (end.empty()) {
    end = all;
  } else {
    ++end.back();
  }
  const auto reply =
      api.Transact({.compares = {},
                    .then = {etcd::Range{.key = question.prefix.empty() ? all : question.prefix,
                                         .end = end,
                                         .limit = question.limit}}},
                   deadline);
  if (!reply) return Fail(reply.error());
  const auto* range = std::get_if<etcd::RangeReply>(&reply->replies.front());
  if (range == nullptr) return Fail(ErrorCode::kInternal, "a range was not answered with keys");
  KeyListing listing{.keys = {}, .more = range->more};
  std::map<etcd::LeaseId, std::optional<etcd::TimeToLive>> leases;
  for (const etcd::KeyValue& at : range->found) {
    KeyListing::Key key{.at = at, .lease = {}};
    if (at.lease != etcd::kNoLease) {
      const auto [known, is_new] = leases.try_emplace(at.lease);
      if (is_new) {
        if (const auto left = api.AskTimeToLive(at.lease, deadline)) known->second = *left;
      }
      key.lease = known->second;
    }
    listing.keys.push_back(std::move(key));
  }
  return listing;
}

}  // namespace monopod::doctor
