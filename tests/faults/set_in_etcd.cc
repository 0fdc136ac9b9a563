#include <chrono>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "monopod/guard.h"
#include "src/base/clock.h"
#include "src/etcd/client/client.h"
#include "tests/faults/shared_set.h"

namespace monopod::faults {
namespace {

constexpr std::chrono::seconds kPatience(1);

std::vector<etcd::Compare> Compares(const Guard& guard) {
  std::vector<etcd::Compare> compares;
  for (const GuardCondition& condition : guard.conditions()) {
    compares.push_back({.key = condition.key,
                        .target = etcd::Compare::Target::kCreateRevision,
                        .relation = condition.relation == GuardCondition::Relation::kEqual
                                        ? etcd::Compare::Relation::kEqual
                                        : etcd::Compare::Relation::kGreater,
                        .revision = condition.create_revision,
                        .value = {},
                        .end = condition.range_end});
  }
  return compares;
}

class EtcdSet : public SharedSet {
 public:
  EtcdSet(std::unique_ptr<etcd::Client> api, SharedSetOptions options)
      : api_(std::move(api)), options_(std::move(options)) {}

  Result<void> Enter(const LockClient& client, const Lock& lock) override {
    guard_.reset();
    if (!options_.is_guarded) return {};
    auto guard = Guard::Of(client, lock);
    if (!guard) return Fail(guard.error());
    guard_.emplace(std::move(*guard));
    return {};
  }

  // With a put, so that it goes through the quorum: a mere read can be late (etcd-io/etcd#20418).
  Result<std::string> Read() override {
    const auto reply =
        api_->Transact({.compares = guard_ ? Compares(*guard_) : std::vector<etcd::Compare>(),
                        .then = {etcd::Put{.key = options_.place + "/read", .value = "x"},
                                 etcd::Range{.key = options_.place}}},
                       BootClock::now() + kPatience);
    if (!reply) return Fail(reply.error());
    if (!reply->succeeded) return Fail(ErrorCode::kNotHolder, "the hold is over");
    const auto* range = std::get_if<etcd::RangeReply>(&reply->replies.at(1));
    if (range == nullptr || range->found.empty()) return std::string();
    return range->found.front().value;
  }

  Result<void> Write(const std::string& text) override {
    if (guard_) return guard_->Put(options_.place, text);
    const auto reply =
        api_->Transact({.compares = {}, .then = {etcd::Put{.key = options_.place, .value = text}}},
                       BootClock::now() + kPatience);
    if (!reply) return Fail(reply.error());
    return {};
  }

 private:
  const std::unique_ptr<etcd::Client> api_;
  const SharedSetOptions options_;
  std::optional<Guard> guard_;
};

}  // namespace

std::unique_ptr<SharedSet> SetInEtcd(const std::string& url, const SharedSetOptions& options) {
  const auto resolved = etcd::Resolve(url, {}, [](const char*) { return std::string(); });
  if (!resolved) return nullptr;
  return std::make_unique<EtcdSet>(etcd::MakeClient(*resolved), options);
}

}  // namespace monopod::faults
