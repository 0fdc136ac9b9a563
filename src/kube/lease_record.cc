#include "src/kube/lease_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "src/base/clock.h"
#include "src/kube/record_fields.h"
#include "src/protocol/observation.h"
#include "src/protocol/times.h"

namespace monopod::kube {
namespace {

using protocol::Record;
using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace std::chrono_literals;

constexpr FieldStyle kStyle{
    .prefix = "monopod.dev/", .separator = '-', .place = "metadata.annotations."};
constexpr const char* kTransitions = "monopod.dev/lease-transitions";
constexpr const char* kRenewTime = "monopod.dev/renew-time";
constexpr ResourceNames kNames{
    .group = "coordination.k8s.io", .version = "v1", .kind = "Lease", .plural = "leases"};

// What everybody reads and writes.
struct Spec {
  std::string holder;
  std::int64_t duration = 0;  // in seconds
  std::int64_t transitions = 0;
  std::string acquire_time;
  std::string renew_time;
};

Spec SpecOf(const Object& object) {
  return {.holder = object.Text({"spec", "holderIdentity"}),
          .duration = object.Integer({"spec", "leaseDurationSeconds"}).value_or(0),
          .transitions = object.Integer({"spec", "leaseTransitions"}).value_or(0),
          .acquire_time = object.Text({"spec", "acquireTime"}),
          .renew_time = object.Text({"spec", "renewTime"})};
}

bool NeverHeld(const Spec& spec) {
  return spec.holder.empty() && spec.transitions == 0 && spec.acquire_time.empty() &&
         spec.renew_time.empty();
}

// The holderIdentity that shows `record`. The stamp, since it changes with what is owed only.
std::string IdentityOf(const Record& record) {
  if (IsOwed(record)) return fmt::format("{}_{}", kOwedHolder, record.stamp);
  if (record.holder.instance.empty()) return record.holder.name;
  return fmt::format("{}_{}", record.holder.name, record.holder.instance);
}

// Whether `own`, which is what the annotations say, is about the hold that the spec shows.
bool Counts(const Record& own, const Fields& annotations, const Spec& spec) {
  return TextOf(annotations, kTransitions) == std::to_string(spec.transitions) &&
         spec.holder == IdentityOf(own) &&
         (!spec.holder.empty() || TextOf(annotations, kRenewTime) == spec.renew_time);
}

std::string ForeignStamp(const Spec& spec) {
  return fmt::format("foreign {} {} {} {}", spec.holder, spec.transitions, spec.renew_time,
                     spec.duration);
}

// What an elector left, over `before`, which is monopod's last record.
Record ForeignRecord(const Spec& spec, const Record& before) {
  Record record;
  CopyLockFields(before, record);
  record.token = ForeignToken(before);
  record.stamp = ForeignStamp(spec);
  record.owed_kill = protocol::OutstandingKill(before);
  record.acquired = ParseWallTime(spec.acquire_time);
  record.renewed = ParseWallTime(spec.renew_time);
  record.ttl = seconds(std::clamp<std::int64_t>(spec.duration, 0, 366LL * 24 * 3600));
  if (spec.holder.empty()) record.ttl = std::max(record.ttl, before.ttl);
  record.holder.name = spec.holder;
  record.phase = protocol::Phase::kHeld;
  record.foreign = true;
  return record;
}

Result<void> CheckPlain(const Object& object, const std::string& where) {
  for (const std::string_view field : {"strategy", "preferredHolder"}) {
    if (object.Text({"spec", field}).empty()) continue;
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("{} has spec.{}: it belongs to coordinated leader election, which "
                            "monopod does not take part in; use another lock name",
                            where, field));
  }
  return {};
}

// The next time of the spec that client-go can tell from `before`.
std::string NextRenewTime(const Record& record, const std::string& before) {
  if (record.renewed == WallTime{}) return before;
  const WallTime old = ParseWallTime(before);
  if (old == WallTime{}) return FormatWallTime(record.renewed);
  const WallTime next = std::chrono::floor<seconds>(old) + seconds(1);
  return FormatWallTime(std::max(record.renewed, next));
}

// The spec that shows `record`, in place of `before`.
Spec NextSpec(const Record& record, const Spec& before, bool new_stamp) {
  Spec spec{.holder = IdentityOf(record),
            .duration = 1,
            .transitions = before.transitions,
            .acquire_time = FormatWallTime(record.acquired),
            .renew_time = before.renew_time};
  if (!spec.holder.empty()) {
    // Electors count it from when they first see this, which is not before it was written.
    const std::chrono::nanoseconds owed =
        record.owed_kill.count() > 0 ? protocol::RecoveryTime(record.owed_kill) : 0s;
    spec.duration = std::max<std::int64_t>(
        std::chrono::ceil<seconds>(std::max<std::chrono::nanoseconds>(record.ttl, owed)).count(),
        1);
    if (spec.holder != before.holder) {
      const bool last = before.transitions >= std::numeric_limits<std::int32_t>::max();
      spec.transitions = last ? 1 : before.transitions + 1;
    }
  }
  if (new_stamp) spec.renew_time = NextRenewTime(record, before.renew_time);
  return spec;
}

void PutSpec(const Spec& spec, Object& object) {
  // An object that nobody ever held says so by what is missing.
  if (!NeverHeld(spec)) {
    object.SetText({"spec", "holderIdentity"}, spec.holder);
    object.SetInteger({"spec", "leaseDurationSeconds"}, spec.duration);
  }
  object.SetInteger({"spec", "leaseTransitions"}, spec.transitions);
  if (!spec.acquire_time.empty()) object.SetText({"spec", "acquireTime"}, spec.acquire_time);
  if (!spec.renew_time.empty()) object.SetText({"spec", "renewTime"}, spec.renew_time);
}

}  // namespace

const ResourceNames& LeaseCodec::names() const { return kNames; }

Result<Record> LeaseCodec::Decode(const Object& object) const {
  const std::string where = Describe(*this, object);
  if (auto plain = CheckPlain(object, where); !plain) return Fail(std::move(plain.error()));
  const Spec spec = SpecOf(object);
  const Fields annotations = object.Texts({"metadata", "annotations"});
  if (!HasRecord(annotations, kStyle)) {
    const Record nothing{.origin = object.Text({"metadata", "uid"})};
    return NeverHeld(spec) ? nothing : ForeignRecord(spec, nothing);
  }
  auto own = FromFields(annotations, kStyle, where);
  if (!own) return own;
  if (!Counts(*own, annotations, spec)) return ForeignRecord(spec, *own);
  if (IsForeign(*own)) {
    own->foreign = true;
    own->stamp = ForeignStamp(spec);
  }
  return own;
}

Result<void> LeaseCodec::Encode(const Record& record, Object& object) const {
  const std::string where = Describe(*this, object);
  if (auto plain = CheckPlain(object, where); !plain) return plain;
  const Fields before = object.Texts({"metadata", "annotations"});
  std::vector<std::string> known = KnownFields(kStyle);
  if (record.foreign) {
    // Somebody else's hold stays as its holder wrote it; only what belongs to the lock is put
    // beside it, and still does not count for the hold.
    const auto beside = FieldsBeside(record, kStyle, before, where);
    if (!beside) return Fail(beside.error());
    // Left of a record that is not there any more, they would belong to the one that now is.
    if (!HasRecord(before, kStyle)) known.insert(known.end(), {kTransitions, kRenewTime});
    object.ReplaceTexts({"metadata", "annotations"}, known, *beside);
    return {};
  }
  const Spec old = SpecOf(object);
  const bool new_stamp = TextOf(before, kStyle.Name("stamp")) != record.stamp;
  const Spec spec = NextSpec(record, old, new_stamp);
  PutSpec(spec, object);
  Fields annotations = ToFields(record, kStyle, before);
  annotations[kTransitions] = std::to_string(spec.transitions);
  annotations[kRenewTime] = spec.renew_time;
  object.ReplaceTexts({"metadata", "annotations"}, known, annotations);
  return {};
}

}  // namespace monopod::kube
