#include "src/kube/client/credentials.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/kube/client/base64.h"
#include "src/kube/client/text_file.h"

namespace monopod::kube {
namespace {

constexpr std::chrono::seconds kPluginPatience(10);

// Empty if it cannot be part of a header.
std::string Trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return {};
  std::string token = text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
  const bool is_plain =
      std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c <= '~'; });
  return is_plain ? token : std::string();
}

Credential ToCredential(const ExecCredential& from) {
  const std::string token = Trimmed(from.token);
  return {.authorization = token.empty() ? token : "Bearer " + token,
          .certificate = from.certificate,
          .key = from.key};
}

}  // namespace

Result<Credential> Credentials::Get(BootTime deadline) {
  if (!access_.token.empty()) return OfToken();
  if (!access_.username.empty()) {
    const std::string both = fmt::format("{}:{}", access_.username, access_.password);
    return Credential{.authorization = "Basic " + EncodeBase64(both), .certificate = {}, .key = {}};
  }
  if (!access_.exec) return Credential{};
  if (auto cached = Cached()) return std::move(*cached);
  return RunPlugin(deadline);
}

std::optional<Credential> Credentials::Renew(const Credential& refused, BootTime deadline) {
  auto renewed = Get(deadline);
  const bool is_of_plugin = access_.exec && access_.token.empty() && access_.username.empty();
  if (is_of_plugin && renewed && *renewed == refused) renewed = RunPlugin(deadline);
  if (!renewed || *renewed == refused) return std::nullopt;
  return std::move(*renewed);
}

Result<Credential> Credentials::OfToken() {
  const auto text = ReadSource(access_.token);
  std::string token = text ? Trimmed(*text) : std::string();
  const std::lock_guard lock(mutex_);
  if (!token.empty()) last_token_ = std::move(token);
  if (last_token_.empty()) {
    return Fail(ErrorCode::kDenied,
                text ? "the token is empty, or no token" : "no token: " + text.error().message);
  }
  return Credential{.authorization = "Bearer " + last_token_, .certificate = {}, .key = {}};
}

std::optional<Credential> Credentials::Cached() const {
  const std::lock_guard lock(cache_->mutex);
  const auto& cached = cache_->credential;
  if (!cached || (cached->expiration && WallNow() >= *cached->expiration)) return std::nullopt;
  return ToCredential(*cached);
}

Result<Credential> Credentials::RunPlugin(BootTime deadline) {
  const auto work = [cache = cache_, access = access_]() -> Result<ExecCredential> {
    const auto info = ExecInfo(*access.exec, access);
    if (!info) return Fail(info.error());
    auto credential = RunExecPlugin(*access.exec, *info, BootClock::now() + kPluginPatience);
    if (credential) {
      const std::lock_guard lock(cache->mutex);
      cache->credential = *credential;
    }
    return credential;
  };
  const auto credential = plugin_.Run(work, deadline);
  if (!credential) {
    return Fail(ErrorCode::kUnavailable,
                fmt::format("the credential plugin {} is not done yet", access_.exec->command));
  }
  if (!*credential) return Fail(credential->error());
  return ToCredential(**credential);
}

}  // namespace monopod::kube
