// The texts that go to and come from an exec plugin.
#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "src/kube/client/base64.h"
#include "src/kube/client/exec_plugin.h"
#include "src/kube/client/text_file.h"

namespace monopod::kube {
namespace {

using Json = nlohmann::json;

std::string TextAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// RFC 3339 with any offset.
std::optional<WallTime> ParseTime(std::string text) {
  std::chrono::minutes offset(0);
  if (text.size() > 6 && text[text.size() - 3] == ':' && !text.ends_with('Z')) {
    const std::string zone = text.substr(text.size() - 6);
    int hours = 0;
    int minutes = 0;
    std::from_chars(zone.data() + 1, zone.data() + 3, hours);
    std::from_chars(zone.data() + 4, zone.data() + 6, minutes);
    offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
    if (zone.front() == '-') offset = -offset;
    text = text.substr(0, text.size() - 6) + "Z";
  }
  const WallTime time = ParseWallTime(text);
  if (time == WallTime{}) return std::nullopt;
  return time - offset;
}

tl::unexpected<Error> Denied(std::string message) {
  return Fail(ErrorCode::kDenied, std::move(message));
}

}  // namespace

Result<std::string> ExecInfo(const ExecPlugin& plugin, const ClusterAccess& access) {
  Json spec = {{"interactive", false}};
  if (plugin.provide_cluster_info) {
    const auto authorities = ReadSource(access.tls.authorities);
    if (!authorities) return Fail(authorities.error());
    Json cluster = {{"server", access.server}};
    if (!access.tls.server_name.empty()) cluster["tls-server-name"] = access.tls.server_name;
    if (access.tls.skip_verification) cluster["insecure-skip-tls-verify"] = true;
    if (!authorities->empty()) {
      cluster["certificate-authority-data"] = EncodeBase64(*authorities);
    }
    spec["cluster"] = cluster;
  }
  const Json info = {
      {"kind", "ExecCredential"}, {"apiVersion", plugin.api_version}, {"spec", spec}};
  return info.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<ExecCredential> ParseExecCredential(const std::string& text,
                                           const std::string& api_version) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Denied("it prints no JSON object");
  if (TextAt(json, "kind") != "ExecCredential" || TextAt(json, "apiVersion") != api_version) {
    return Denied(fmt::format("it prints no ExecCredential of {}", api_version));
  }
  const auto status = json.find("status");
  if (status == json.end() || !status->is_object()) return Denied("it prints no status");
  ExecCredential credential{.token = TextAt(*status, "token"),
                            .certificate = TextAt(*status, "clientCertificateData"),
                            .key = TextAt(*status, "clientKeyData"),
                            .expiration = {}};
  if (credential.certificate.empty() != credential.key.empty()) {
    return Denied("it prints a certificate without a key, or a key without a certificate");
  }
  if (credential.token.empty() && credential.certificate.empty()) {
    return Denied("it prints neither a token nor a certificate");
  }
  const std::string expiration = TextAt(*status, "expirationTimestamp");
  if (!expiration.empty()) {
    credential.expiration = ParseTime(expiration);
    if (!credential.expiration) return Denied("its expirationTimestamp is no time");
  }
  return credential;
}

}  // namespace monopod::kube
