#include "src/observe/attempt_log.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "src/base/clock.h"
#include "src/base/duration.h"

namespace monopod::observe {
namespace {

using Json = nlohmann::ordered_json;

void AddUnlessEmpty(Json& json, const char* key, const std::string& text) {
  if (!text.empty()) json[key] = text;
}

Json HolderJson(const Holder& holder) {
  Json json = Json::object();
  AddUnlessEmpty(json, "name", holder.name);
  AddUnlessEmpty(json, "namespace", holder.namespace_);
  AddUnlessEmpty(json, "node", holder.node);
  AddUnlessEmpty(json, "purpose", holder.purpose);
  return json;
}

double Seconds(std::chrono::nanoseconds duration) {
  return static_cast<double>(std::chrono::round<std::chrono::milliseconds>(duration).count()) /
         1000;
}

std::string EventJson(const Event& event) {
  Json json;
  json["time"] = FormatWallTime(WallNow());
  json["event"] = EventKindName(event.kind);
  json["lock"] = event.lock;
  json["slot"] = event.slot;
  if (event.token != 0) json["token"] = event.token;
  json["holder"] = HolderJson(event.asker);
  if (!event.owner.name.empty()) {
    json["owner"] = HolderJson(event.owner);
    AddUnlessEmpty(json["owner"], "since", FormatWallTime(event.owner_since));
    AddUnlessEmpty(json["owner"], "renewed", FormatWallTime(event.owner_renewed));
  }
  if (event.duration != std::chrono::nanoseconds(0)) json["seconds"] = Seconds(event.duration);
  AddUnlessEmpty(json, "detail", event.detail);
  // Bytes that are not UTF-8 are replaced rather than thrown about.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string OwnerText(const Event& event) {
  if (event.owner.name.empty()) return "nobody";
  std::string text = DescribeHolder(event.owner);
  if (event.owner_since != WallTime{}) {
    text += fmt::format(
        " (since {}, last renewed {} ago)", FormatWallTime(event.owner_since),
        FormatDuration(std::chrono::floor<std::chrono::seconds>(WallNow() - event.owner_renewed)));
  }
  return text;
}

std::string EventText(const Event& event) {
  const auto with_detail = [&](std::string text) {
    return event.detail.empty() ? text : text + ": " + event.detail;
  };
  switch (event.kind) {
    case EventKind::kWaiting:
      return with_detail(fmt::format("waiting: held by {}", OwnerText(event)));
    case EventKind::kSkipped:
      return with_detail(event.owner.name.empty()
                             ? std::string("skipped")
                             : fmt::format("skipped: held by {}", OwnerText(event)));
    case EventKind::kStale: return with_detail(fmt::format("stale: {}", OwnerText(event)));
    case EventKind::kRecovering:
      return with_detail(
          fmt::format("recovering: claimed with token {}; earlier work may run for another {}",
                      event.token, FormatDuration(event.duration)));
    case EventKind::kAcquired: return fmt::format("acquired with token {}", event.token);
    case EventKind::kTakenOver:
      return with_detail(
          event.owner.name.empty()
              ? fmt::format("taken-over with token {}", event.token)
              : fmt::format("taken-over with token {} after {}", event.token, OwnerText(event)));
    case EventKind::kLost:
      return with_detail(event.owner.name.empty()
                             ? fmt::format("lost, token {}", event.token)
                             : fmt::format("lost, token {}, to {}", event.token, OwnerText(event)));
    case EventKind::kReleased: return fmt::format("released, token {}", event.token);
    case EventKind::kBroken:
      return with_detail(
          fmt::format("broken, token {}, held by {}", event.token, OwnerText(event)));
  }
  return {};
}

const char* ColorOf(EventKind kind) {
  switch (kind) {
    case EventKind::kAcquired:
    case EventKind::kTakenOver:
    case EventKind::kReleased: return "\x1b[32m";
    case EventKind::kLost:
    case EventKind::kBroken: return "\x1b[31m";
    case EventKind::kWaiting:
    case EventKind::kSkipped:
    case EventKind::kStale:
    case EventKind::kRecovering: return "\x1b[33m";
  }
  return "";
}

bool WentWrong(EventKind kind) { return kind == EventKind::kLost || kind == EventKind::kBroken; }

}  // namespace

std::string DescribeHolder(const Holder& holder) {
  std::string text =
      holder.namespace_.empty() ? holder.name : holder.namespace_ + "/" + holder.name;
  if (!holder.node.empty()) text += " on " + holder.node;
  if (!holder.purpose.empty()) text += " for \"" + holder.purpose + "\"";
  return text;
}

void AttemptLog::Write(const Event& event) {
  const std::lock_guard guard(mutex_);
  if (event.kind == EventKind::kWaiting) {
    if (waiting_.kind != EventKind::kWaiting || waiting_.lock.empty()) {
      waiting_since_ = std::chrono::steady_clock::now();
    }
  }
  waiting_ = event;
  if (options_.quiet && !WentWrong(event.kind)) return;
  if (options_.format == LogFormat::kJson) {
    Print(EventJson(event), false);
    return;
  }
  const std::string lock = fmt::format("monopod: {}", event.lock);
  const std::string slot = event.slot == 0 ? "" : fmt::format("[{}]", event.slot);
  const std::string text = EventText(event);
  // While waiting, owners that follow each other fast would scroll the screen away.
  const bool live_line = options_.live && event.kind == EventKind::kWaiting;
  Print(options_.color ? fmt::format("{}{}: {}{}\x1b[0m", lock, slot, ColorOf(event.kind), text)
                       : fmt::format("{}{}: {}", lock, slot, text),
        live_line);
}

void AttemptLog::Write(const Notice& notice) {
  const std::lock_guard guard(mutex_);
  if (options_.format == LogFormat::kText) {
    Print(fmt::format("monopod: {}", notice.message), false);
    return;
  }
  Json json;
  json["time"] = FormatWallTime(WallNow());
  json["event"] = notice.kind;
  AddUnlessEmpty(json, "lock", std::string(notice.lock));
  AddUnlessEmpty(json, "store", std::string(notice.store));
  json["detail"] = notice.message;
  Print(json.dump(-1, ' ', false, Json::error_handler_t::replace), false);
}

void AttemptLog::Tick() {
  const std::lock_guard guard(mutex_);
  if (!options_.live || options_.quiet || waiting_.kind != EventKind::kWaiting ||
      waiting_.lock.empty()) {
    return;
  }
  const auto waited =
      std::chrono::floor<std::chrono::seconds>(std::chrono::steady_clock::now() - waiting_since_);
  Print(fmt::format("monopod: {}: waited {}: held by {}", waiting_.lock, FormatDuration(waited),
                    OwnerText(waiting_)),
        true);
}

void AttemptLog::Print(std::string_view line, bool live_line) {
  // One write a line, so that lines of several processes do not mix.
  std::string out = live_shown_ ? "\r\x1b[K" : "";
  out += line;
  if (!live_line) out += '\n';
  live_shown_ = live_line;
  std::fwrite(out.data(), 1, out.size(), options_.stream);
  std::fflush(options_.stream);
}

}  // namespace monopod::observe
