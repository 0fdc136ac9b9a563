#include "src/cli/lock_view.h"

#include <fmt/format.h>

#include "src/base/clock.h"
#include "src/base/duration.h"
#include "src/observe/attempt_log.h"

namespace monopod::cli {
namespace {

bool IsHeld(SlotState state) {
  return state == SlotState::kHeld || state == SlotState::kRecovering ||
         state == SlotState::kExpired;
}

double Seconds(std::chrono::milliseconds time) { return static_cast<double>(time.count()) / 1000; }

Json SlotJson(const SlotStatus& slot) {
  Json json = {{"slot", slot.slot}, {"state", SlotStateName(slot.state)}, {"token", slot.token}};
  if (IsHeld(slot.state)) {
    json["holder"] = slot.holder.name;
    if (!slot.holder.namespace_.empty()) json["namespace"] = slot.holder.namespace_;
    if (!slot.holder.node.empty()) json["node"] = slot.holder.node;
    if (!slot.holder.purpose.empty()) json["purpose"] = slot.holder.purpose;
    json["kind"] = HoldKindName(slot.kind);
    json["foreign"] = slot.foreign;
    json["acquired"] = FormatWallTime(slot.acquired);
    json["ttl_seconds"] = Seconds(slot.ttl);
  }
  if (slot.renewed != WallTime{}) json["renewed"] = FormatWallTime(slot.renewed);
  if (slot.owed.count() > 0) json["owed_seconds"] = Seconds(slot.owed);
  if (!slot.note.empty()) json["note"] = slot.note;
  return json;
}

std::string Age(WallTime time) {
  if (time == WallTime{}) return "-";
  return FormatDuration(std::chrono::floor<std::chrono::seconds>(WallNow() - time));
}

std::vector<std::string> Row(const LockStatus& lock, const SlotStatus& slot, bool wide) {
  const bool held = IsHeld(slot.state);
  std::vector<std::string> row = {
      lock.name,
      fmt::format("{}/{}", slot.slot + 1, lock.slots),
      std::string(SlotStateName(slot.state)),
      held ? observe::DescribeHolder({.name = slot.holder.name,
                                      .namespace_ = slot.holder.namespace_,
                                      .node = slot.holder.node})
           : "-",
      std::to_string(slot.token),
      held ? Age(slot.acquired) : "-",
      held ? Age(slot.renewed) : "-"};
  if (!wide) return row;
  row.push_back(held ? FormatDuration(slot.ttl) : "-");
  row.emplace_back(held ? (slot.foreign ? "foreign" : HoldKindName(slot.kind)) : "-");
  row.push_back(slot.holder.purpose.empty() ? "-" : slot.holder.purpose);
  row.push_back(slot.note.empty() ? "-" : slot.note);
  return row;
}

}  // namespace

Json LockJson(const LockStatus& status) {
  Json json = {{"lock", status.name}, {"slots", status.slots}};
  if (status.resize_to > 0) json["resize_to"] = status.resize_to;
  json["slot"] = Json::array();
  for (const SlotStatus& slot : status.slot) json["slot"].push_back(SlotJson(slot));
  return json;
}

std::string LockTable(const std::vector<LockStatus>& locks, OutputFormat format) {
  if (format == OutputFormat::kName) {
    std::string names;
    for (const LockStatus& lock : locks) names += lock.name + '\n';
    return names;
  }
  const bool wide = format == OutputFormat::kWide;
  std::vector<std::string> heads = {"LOCK", "SLOT", "STATE", "HOLDER", "TOKEN", "HELD", "RENEWED"};
  if (wide) heads.insert(heads.end(), {"TTL", "KIND", "PURPOSE", "NOTE"});
  std::vector<std::vector<std::string>> rows;
  for (const LockStatus& lock : locks) {
    for (const SlotStatus& slot : lock.slot) rows.push_back(Row(lock, slot, wide));
  }
  return ToTable(heads, rows);
}

}  // namespace monopod::cli
