#include "src/kube/config_map_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "src/base/clock.h"
#include "src/kube/record_fields.h"
#include "src/protocol/observation.h"

namespace monopod::kube {
namespace {

using protocol::Phase;
using protocol::Record;

constexpr FieldStyle kStyle{.prefix = "lock_", .separator = '_', .place = "data."};
constexpr const char* kWritten = "lock_written";
constexpr ResourceNames kNames{
    .group = "", .version = "v1", .kind = "ConfigMap", .plural = "configmaps"};

// What others see of a hold.
std::string PublicText(const Fields& data) {
  return TextOf(data, "lock_holder") + " " + TextOf(data, "lock_timestamp");
}

// Stands for the stamp that a foreign writer does not give.
std::string ForeignStamp(const Fields& data) { return "foreign " + PublicText(data); }

// What somebody who does not know monopod left, over `before`, which is monopod's last record.
Record ForeignRecord(const Fields& data, const Record& before) {
  Record record;
  CopyLockFields(before, record);
  record.stamp = ForeignStamp(data);
  record.owed_kill = protocol::OutstandingKill(before);
  record.renewed = ParseWallTime(TextOf(data, "lock_timestamp"));
  record.holder.name = TextOf(data, "lock_holder");
  const bool never_held = before.token == 0 && record.holder.name.empty();
  record.token = never_held ? 0 : ForeignToken(before);
  if (!record.holder.name.empty()) {
    record.phase = Phase::kHeld;
    record.foreign = true;
  } else if (before.phase == Phase::kRetired) {
    record.phase = Phase::kRetired;
  }
  return record;
}

bool IsSomebodysConfiguration(const Object& object, const Fields& data) {
  const bool empty = data.empty() && !object.Has({"binaryData"});
  const bool labelled = object.Text({"metadata", "labels", kManagedByLabel}) == "monopod";
  return !empty && !labelled && std::ranges::none_of(data, [](const auto& entry) {
    return entry.first.starts_with(kStyle.prefix);
  });
}

}  // namespace

const ResourceNames& ConfigMapCodec::names() const { return kNames; }

Result<Record> ConfigMapCodec::Decode(const Object& object) const {
  const Fields data = object.Texts({"data"});
  const std::string where = Describe(*this, object);
  if (IsSomebodysConfiguration(object, data)) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is no lock, and has data of somebody else: use another lock name, "
                            "or label it {}=monopod",
                            where, kManagedByLabel));
  }
  if (!HasRecord(data, kStyle)) {
    if (data.contains("lock_instance")) {
      return Fail(ErrorCode::kInvalidArgument,
                  fmt::format("{}: data.lock_format is missing, but data.lock_instance is there: "
                              "somebody edited it; repair it",
                              where));
    }
    return ForeignRecord(data, {.origin = object.Text({"metadata", "uid"})});
  }
  auto record = FromFields(data, kStyle, where);
  if (!record) return record;
  if (TextOf(data, kWritten) != PublicText(data)) return ForeignRecord(data, *record);
  if (IsOwed(*record) && record->holder.name == kOwedHolder) record->holder.name.clear();
  if (IsForeign(*record)) {
    record->foreign = true;
    record->stamp = ForeignStamp(data);
  }
  return record;
}

Result<void> ConfigMapCodec::Encode(const Record& record, Object& object) const {
  const std::string where = Describe(*this, object);
  if (object.IsTrue({"immutable"})) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is immutable, so that it can keep no lock: delete it, or use "
                            "another lock name",
                            where));
  }
  const Fields before = object.Texts({"data"});
  Fields data = ToFields(record, kStyle, before);
  data.emplace("lock_holder", IsOwed(record) ? kOwedHolder : "");
  data[kWritten] = PublicText(data);
  if (record.foreign) {
    // Somebody else's hold stays as its holder wrote it; only what belongs to the lock is put
    // beside it.
    auto beside = FieldsBeside(record, kStyle, before, where);
    if (!beside) return Fail(std::move(beside.error()));
    data = *std::move(beside);
    for (const char* key : {"lock_holder", "lock_timestamp", kWritten}) {
      data.erase(key);
      if (before.contains(key)) data.emplace(key, TextOf(before, key));
    }
    // Left of a record that is not there any more, it would belong to the one that now is.
    if (!HasRecord(before, kStyle)) data.erase(kWritten);
  }
  std::vector<std::string> known = KnownFields(kStyle);
  known.emplace_back(kWritten);
  object.ReplaceTexts({"data"}, known, data);
  return {};
}

}  // namespace monopod::kube
