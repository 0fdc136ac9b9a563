// Reading: one object, lists with pages, and how a watch begins.
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <limits>

#include "tests/support/kube_server_base64.h"
#include "tests/support/kube_server_service.h"
#include "tests/support/kube_server_validation.h"

namespace monopod::testing::kube_server {
namespace {

Outcome<std::int64_t> ParseVersion(const std::string& text) {
  std::int64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error == std::errc() && end == text.data() + text.size() && version >= 0) return version;
  return Refuse(Unexpected("resourceVersion: Invalid value: " + Json(text).dump() +
                           ": strconv.ParseUint: parsing " + Json(text).dump() +
                           ": invalid syntax"));
}

std::string QueryText(const Target& target, const std::string& parameter) {
  const std::string* value = target.Query(parameter);
  return value == nullptr ? std::string() : *value;
}

std::int64_t QueryNumber(const Target& target, const std::string& parameter) {
  const std::string text = QueryText(target, parameter);
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

struct Position {
  std::int64_t version = 0;
  std::string start;  // the first key that may come
};

std::string ContinueText(const Position& position) {
  return UrlBase64(
      Json{{"v", "meta.k8s.io/v1"}, {"rv", position.version}, {"start", position.start}}.dump());
}

std::optional<Position> ParseContinue(const std::string& text) {
  const Json json = Json::parse(FromUrlBase64(text), nullptr, false);
  if (!json.is_object() || !json.value("rv", Json()).is_number_integer() ||
      !json.value("start", Json()).is_string()) {
    return std::nullopt;
  }
  return Position{.version = json["rv"], .start = json["start"]};
}

Failure ForbiddenMatch(const std::string& why) {
  const ResourceType options{.group = "meta.k8s.io", .kind = "ListOptions"};
  return Invalid(options, "",
                 {{.reason = "FieldValueForbidden",
                   .message = "Forbidden: " + why,
                   .field = "resourceVersionMatch"}});
}

Failure TooOldList() { return Expired("The resourceVersion for the provided list is too old."); }

Failure TooOldContinue(const Position& position) {
  Failure failure = Expired(
      "The provided continue parameter is too old to display a consistent list result. You can "
      "start "
      "a new list without the continue parameter, or use the continue token in this response to "
      "retrieve the remainder of the results. Continuing with the provided token results in an "
      "inconsistent list - objects that were created, modified, or deleted between the time the "
      "first chunk was returned and now may show up in the list.");
  failure.status["metadata"]["continue"] = ContinueText({.version = -1, .start = position.start});
  return failure;
}

}  // namespace

Handled Service::Get(Call* call) {
  const Target& target = call->target;
  if (target.type->namespaced && target.name_space.empty()) return AnswerOf(MethodNotAllowed());
  const std::string version_text = QueryText(target, "resourceVersion");
  StoredPointer stored;
  if (version_text.empty()) {
    stored = store_.Find(target);
  } else {
    const auto version = ParseVersion(version_text);
    if (!version) return AnswerOf(version.error());
    if (*version > store_.cache_revision()) {
      if (!call->patience_is_over) return AwaitCache{*version};
      return AnswerOf(TooLargeVersion(*version, store_.cache_revision()));
    }
    const Objects objects = store_.AllAt(*target.type, store_.cache_revision());
    const auto found = objects.find(target.Key());
    if (found != objects.end()) stored = found->second;
  }
  if (stored == nullptr) return AnswerOf(NotFound(*target.type, target.name));
  return AnswerOf(200, FullText(*target.type, *stored));
}

// The version to list at. One that the cache has not seen: wait.
Outcome<std::int64_t> Service::ListVersion(const Call& call) const {
  const std::string text = QueryText(call.target, "resourceVersion");
  const std::string match = QueryText(call.target, "resourceVersionMatch");
  if (text.empty()) {
    if (!match.empty()) {
      return Refuse(
          ForbiddenMatch("resourceVersionMatch is forbidden unless resourceVersion is provided"));
    }
    return store_.revision();
  }
  const auto version = ParseVersion(text);
  if (!version) return version;
  if (*version == 0) {
    if (match == "Exact") {
      return Refuse(
          ForbiddenMatch("resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\""));
    }
    return store_.cache_revision();
  }
  const bool limited = QueryNumber(call.target, "limit") > 0;
  if (match == "Exact" || (match.empty() && limited)) {
    if (*version < store_.compacted()) return Refuse(TooOldList());
    return *version;
  }
  return std::max(*version, store_.cache_revision());
}

Handled Service::List(Call* call) {
  const auto selector = Selector::Of(call->target);
  if (!selector) return AnswerOf(selector.error());
  const std::string page = QueryText(call->target, "continue");
  if (!page.empty()) {
    const auto position = ParseContinue(page);
    if (!position) return AnswerOf(BadRequest("continue key is not valid"));
    if (position->version >= 0 && position->version < store_.compacted()) {
      return AnswerOf(TooOldContinue(*position));
    }
    const std::int64_t version = position->version < 0 ? store_.revision() : position->version;
    return Page(*call, *selector, version, true);
  }
  const auto version = ListVersion(*call);
  if (!version) return AnswerOf(version.error());
  const bool from_cache = !QueryText(call->target, "resourceVersion").empty();
  const std::int64_t known = from_cache ? store_.cache_revision() : store_.revision();
  if (*version > known) {
    if (!call->patience_is_over) return AwaitCache{*version};
    return AnswerOf(TooLargeVersion(*version, known));
  }
  // The watch cache does not page at version 0.
  return Page(*call, *selector, *version, QueryText(call->target, "resourceVersion") != "0");
}

Answer Service::Page(const Call& call, const Selector& selector, std::int64_t version,
                     bool limited) {
  const Target& target = call.target;
  const std::int64_t asked = limited ? QueryNumber(target, "limit") : 0;
  const std::int64_t limit = asked > 0 ? asked : std::numeric_limits<std::int64_t>::max();
  const std::string prefix =
      target.type->namespaced && !target.name_space.empty() ? target.name_space + "/" : "";
  const auto position = ParseContinue(QueryText(target, "continue"));
  const std::string start = prefix + (limited && position ? position->start.substr(1) : "");

  const bool current = version == store_.revision();
  const Objects past = current ? Objects() : store_.AllAt(*target.type, version);
  const Objects& objects = current ? store_.All(*target.type) : past;
  std::string items;
  std::int64_t count = 0;
  std::string last;
  auto next = objects.lower_bound(start);
  const auto in_range = [&] {
    return next != objects.end() && next->first.compare(0, prefix.size(), prefix) == 0;
  };
  for (; in_range() && count < limit; ++next) {
    if (!selector.Matches(next->second->object)) continue;
    if (count++ > 0) items += ',';
    items += ItemText(*target.type, *next->second);
    last = next->first;
  }
  Json metadata = {{"resourceVersion", std::to_string(version)}};
  if (in_range()) {
    // The smallest text after the last key.
    const std::string after = "/" + last.substr(prefix.size()) + std::string(1, '\0');
    metadata["continue"] = ContinueText({.version = version, .start = after});
    std::int64_t remaining = 0;
    for (; in_range(); ++next) ++remaining;
    if (!selector.has_requirements()) metadata["remainingItemCount"] = remaining;
  }
  return AnswerOf(200, R"({"kind":")" + target.type->kind + R"(List","apiVersion":")" +
                           target.type->api_version() + R"(","metadata":)" + metadata.dump() +
                           R"(,"items":[)" + items + "]}");
}

Handled Service::Watch(Call* call) {
  const Target& target = call->target;
  auto selector = Selector::Of(target);
  if (!selector) return AnswerOf(selector.error());
  WatchPlan plan{.type = target.type, .selector = std::move(*selector)};
  plan.bookmarks = target.IsSet("allowWatchBookmarks");
  const std::int64_t seconds = QueryNumber(target, "timeoutSeconds");
  plan.timeout = std::chrono::seconds(seconds > 0 ? seconds : 1800);

  const std::string version_text = QueryText(target, "resourceVersion");
  const auto version = ParseVersion(version_text.empty() ? "0" : version_text);
  if (!version) return AnswerOf(version.error());
  if (*version > 0) {
    plan.after = *version;
    if (*version < store_.compacted()) {
      plan.error = Expired("too old resource version: " + version_text + " (" +
                           std::to_string(store_.compacted()) + ")");
    }
    return plan;
  }
  if (version_text.empty()) {
    // It must not show an older state than there was when it was asked for.
    if (!call->awaited) call->awaited = store_.revision();
    if (*call->awaited > store_.cache_revision()) {
      if (!call->patience_is_over) return AwaitCache{*call->awaited};
      plan.error = TooLargeVersion(*call->awaited, store_.cache_revision());
      return plan;
    }
  }
  plan.after = store_.cache_revision();
  for (const auto& [key, stored] : store_.AllAt(*target.type, plan.after)) {
    if (plan.selector.Matches(stored->object)) plan.state.push_back(stored);
  }
  return plan;
}

}  // namespace monopod::testing::kube_server
