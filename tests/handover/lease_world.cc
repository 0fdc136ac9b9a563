#include "tests/handover/lease_world.h"

namespace monopod::handover {
namespace {

using protocol::Token;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kEpoch = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21);
const kube::ObjectName kName = {.namespace_ = "default", .name = "x"};

}  // namespace

LeaseWorld::LeaseWorld(std::uint64_t seed) : random_(seed) {
  kube::Object lease;
  lease.SetText({"apiVersion"}, "coordination.k8s.io/v1");
  lease.SetText({"kind"}, "Lease");
  lease.SetText({"metadata", "name"}, kName.name);
  lease.SetText({"metadata", "namespace"}, kName.namespace_);
  lease.SetText({"metadata", "uid"}, "1");
  Replace(std::move(lease));
}

WallTime LeaseWorld::Wall() const {
  return WallTime(kEpoch) + std::chrono::floor<microseconds>(now().time_since_epoch());
}

std::chrono::nanoseconds LeaseWorld::NetworkDelay() {
  return random_.In({.from = milliseconds(1), .to = milliseconds(40)});
}

Result<protocol::Snapshot> LeaseWorld::ReadRecord() const {
  auto listed = kube::ReadObject(codec_, lease_);
  if (!listed) return Fail(listed.error());
  return std::move(listed->snapshot);
}

Result<protocol::Written> LeaseWorld::WriteRecord(const protocol::Version& expected,
                                                  const protocol::Record& record) {
  if (expected != std::to_string(version_)) {
    return Fail(ErrorCode::kConflict, "the Lease has changed");
  }
  auto object = kube::WriteObject(codec_, record, kName, &lease_);
  if (!object) return Fail(object.error());
  Replace(std::move(*object));
  return protocol::Written{.version = std::to_string(version_),
                           .next_token = std::max<Token>(version_, record.token + 1)};
}

std::pair<testing::LeaseFields, protocol::Version> LeaseWorld::GetFields() const {
  return {
      {.holder = lease_.Text({"spec", "holderIdentity"}),
       .duration_seconds =
           static_cast<int>(lease_.Integer({"spec", "leaseDurationSeconds"}).value_or(0)),
       .acquired = ParseWallTime(lease_.Text({"spec", "acquireTime"})),
       .renewed = ParseWallTime(lease_.Text({"spec", "renewTime"})),
       .transitions = static_cast<int>(lease_.Integer({"spec", "leaseTransitions"}).value_or(0))},
      std::to_string(version_)};
}

std::optional<protocol::Version> LeaseWorld::UpdateFields(const protocol::Version& expected,
                                                          const testing::LeaseFields& fields) {
  if (expected != std::to_string(version_)) return std::nullopt;
  kube::Object lease = lease_;  // annotations are kept
  lease.SetText({"spec", "holderIdentity"}, fields.holder);
  lease.SetInteger({"spec", "leaseDurationSeconds"}, fields.duration_seconds);
  lease.SetText({"spec", "acquireTime"}, FormatWallTime(fields.acquired));
  lease.SetText({"spec", "renewTime"}, FormatWallTime(fields.renewed));
  lease.SetInteger({"spec", "leaseTransitions"}, fields.transitions);
  Replace(std::move(lease));
  return std::to_string(version_);
}

void LeaseWorld::Replace(kube::Object object) {
  version_ += 1 + random_.Below(3);  // other objects change, too
  object.SetText({"metadata", "resourceVersion"}, std::to_string(version_));
  lease_ = std::move(object);
  for (const auto& watcher : watchers_) Later(NetworkDelay(), watcher);
}

std::size_t LeaseWorld::BeginWork(Kind kind, std::string who) {
  if (!works_.empty() && works_.back().kind != kind) ++hand_overs_;
  works_.push_back({.kind = kind, .who = std::move(who), .when = {.begin = now()}});
  return works_.size() - 1;
}

}  // namespace monopod::handover
