#include "sim/sim_store.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "src/base/lock_name.h"
#include "src/kube/config_map_record.h"
#include "src/kube/lease_record.h"

namespace monopod::sim {

using kube::Object;
using protocol::Record;
using protocol::Snapshot;
using protocol::Version;
using protocol::Written;

namespace {

constexpr const char* kNamespace = "default";

std::unique_ptr<const kube::RecordCodec> MakeCodec(StoreKind kind) {
  if (kind == StoreKind::kConfigMap) return std::make_unique<kube::ConfigMapCodec>();
  if (kind == StoreKind::kLease) return std::make_unique<kube::LeaseCodec>();
  return nullptr;
}

}  // namespace

std::size_t SlotOf(const std::string& name) {
  return name == kLock ? 0 : static_cast<std::size_t>(name.back() - '0');
}

std::uint64_t NumberOf(const Version& version) {
  std::uint64_t number = 0;
  std::from_chars(version.data(), version.data() + version.size(), number);
  return number;
}

SimStore::SimStore(const Options& options) : options_(options), codec_(MakeCodec(options.kind)) {}

Version SimStore::VersionOf(std::size_t slot) const {
  return Exists(slot) ? std::to_string(rows_.at(slot).version) : Version();
}

protocol::Token SimStore::NextToken(const Row& row) const {
  return options_.tokens_from_versions ? std::max(row.version, row.record.token + 1)
                                       : row.highest_token + 1;
}

Snapshot SimStore::Read(std::size_t slot, TrueTime now) const {
  const Row& row = rows_.at(slot);
  if (row.version == 0) return {};
  Snapshot snapshot{.version = VersionOf(slot), .record = row.record, .next_token = NextToken(row)};
  if (options_.shared_clock != nullptr) {
    snapshot.known_silence =
        row.boot == boot_ ? options_.shared_clock->At(now) - row.stamped : protocol::kCertainlyOver;
  }
  return snapshot;
}

bool SimStore::Expects(std::size_t slot, const Version& expected) const {
  return expected == kAnyVersion ? Exists(slot) : VersionOf(slot) == expected;
}

Result<Written> SimStore::Write(std::size_t slot, const Version& expected, const Record& record,
                                TrueTime now) {
  Row& row = rows_.at(slot);
  if (!Expects(slot, expected)) return Fail(ErrorCode::kConflict, "changed");
  if (codec_) {
    auto object = kube::WriteObject(
        *codec_, record,
        {.namespace_ = kNamespace, .name = SlotRecordName(kLock, static_cast<int>(slot))},
        ObjectOf(slot));
    if (!object) return Fail(ErrorCode::kInternal, object.error().message);
    return Put(slot, *std::move(object));
  }
  if (options_.shared_clock != nullptr && (row.version == 0 || row.record.stamp != record.stamp)) {
    row.stamped = options_.shared_clock->At(now);
    row.boot = boot_;
  }
  row.version = ++versions_;
  row.record = record;
  row.highest_token = std::max(row.highest_token, record.token);
  return Written{.version = VersionOf(slot), .next_token = NextToken(row)};
}

Result<Written> SimStore::Edit(std::size_t slot, const Version& expected, const Change& change) {
  if (!Expects(slot, expected)) return Fail(ErrorCode::kConflict, "changed");
  Object object = Exists(slot) ? *ObjectOf(slot) : Object();
  object.SetText({"metadata", "name"}, SlotRecordName(kLock, static_cast<int>(slot)));
  object.SetText({"metadata", "namespace"}, kNamespace);
  change(object);
  return Put(slot, std::move(object));
}

Result<Written> SimStore::Put(std::size_t slot, Object object) {
  Row& row = rows_.at(slot);
  if (!Exists(slot)) object.SetText({"metadata", "uid"}, "uid-" + std::to_string(++objects_));
  row.version = ++versions_;
  object.SetText({"metadata", "resourceVersion"}, std::to_string(row.version));
  auto read = kube::ReadObject(*codec_, object);
  if (!read) return Fail(ErrorCode::kInternal, read.error().message);
  row.object = std::move(object);
  row.record = std::move(read->snapshot.record);
  return Written{.version = VersionOf(slot), .next_token = NextToken(row)};
}

void SimStore::Remove(std::size_t slot) {
  rows_.at(slot).version = 0;
  rows_.at(slot).object.reset();
  ++versions_;
}

const Object* SimStore::ObjectOf(std::size_t slot) const {
  const auto& object = rows_.at(slot).object;
  return object ? &*object : nullptr;
}

}  // namespace monopod::sim
