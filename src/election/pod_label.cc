#include "src/election/pod_label.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "src/base/wait.h"

namespace monopod::election {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr const char* kLabel = "monopod.dev/leader";
constexpr milliseconds kPause(250);
// Of KeepTakingOff: one attempt, and the time between two.
constexpr seconds kAttempt(2);
constexpr seconds kFirstRetry(1);
constexpr seconds kLongestRetry(15);

std::string PatchOf(bool leads) {
  const Json value = leads ? Json("true") : Json();  // null removes it
  return Json{{"metadata", {{"labels", {{kLabel, value}}}}}}.dump();
}

// What the server says about it, for people.
std::string MessageIn(const std::string& body) {
  const Json status = Json::parse(body, nullptr, false);
  if (!status.is_object() || !status.contains("message") || !status["message"].is_string()) {
    return "no reason given";
  }
  return status["message"].get<std::string>();
}

// Nothing: the server could not do it now.
std::optional<Result<void>> Judge(const kube::Response& response, const PodLabel::Pod& pod) {
  const std::string what =
      fmt::format("label the pod {} in namespace {}", pod.name, pod.namespace_);
  if (response.status == 200) return Result<void>();
  if (response.status == 404) {
    return Fail(
        ErrorCode::kNotFound,
        fmt::format("cannot {}: there is no such pod; check POD_NAME and POD_NAMESPACE", what));
  }
  if (response.status == 401 || response.status == 403) {
    return Fail(ErrorCode::kDenied,
                fmt::format("cannot {}: {}; grant the verb patch on pods in that namespace: "
                            "apiGroups: [\"\"], resources: [pods], verbs: [patch]",
                            what, MessageIn(response.body)));
  }
  if (response.status == 429 || response.status >= 500) return std::nullopt;
  return Fail(ErrorCode::kInternal, fmt::format("cannot {}: status {}: {}", what, response.status,
                                                MessageIn(response.body)));
}

bool MayPass(const Error& error) {
  return error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kIndeterminate;
}

}  // namespace

Result<void> PodLabel::KeepTakingOff(const std::stop_token& stop) {
  nanoseconds pause = kFirstRetry;
  while (true) {
    auto removed = Patch(false, BootClock::now() + kAttempt, stop);
    if (removed || !MayPass(removed.error()) || stop.stop_requested()) return removed;
    WaitUntil(BootClock::now() + pause, stop);
    if (stop.stop_requested()) return removed;
    pause = std::min<nanoseconds>(pause * 2, kLongestRetry);
  }
}

Result<void> PodLabel::Patch(bool leads, BootTime deadline, const std::stop_token& stop) {
  const kube::Request request{
      .method = kube::Method::kPatch,
      .path = fmt::format("/api/v1/namespaces/{}/pods/{}", pod_.namespace_, pod_.name),
      .body = PatchOf(leads),
      .content_type = "application/merge-patch+json"};
  while (true) {
    const auto response = api_->Send(request, deadline);
    if (!response && !MayPass(response.error())) return Fail(response.error());
    nanoseconds pause = kPause;
    if (response) {
      if (const auto judged = Judge(*response, pod_)) return *judged;
      if (response->retry_after) pause = std::max<nanoseconds>(pause, *response->retry_after);
    }
    if (BootClock::now() + pause >= deadline || stop.stop_requested()) {
      return Fail(response ? Error{ErrorCode::kUnavailable,
                                   fmt::format("cannot label the pod {} in namespace {}: the API "
                                               "server answers {}",
                                               pod_.name, pod_.namespace_, response->status)}
                           : response.error());
    }
    WaitUntil(BootClock::now() + pause, stop);
  }
}

}  // namespace monopod::election
