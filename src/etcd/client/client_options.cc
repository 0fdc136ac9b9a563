#include "src/etcd/client/client_options.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <utility>

#include "src/etcd/client/text_file.h"

namespace monopod::etcd {
namespace {

constexpr std::string_view kPlainScheme = "etcd:";
constexpr std::string_view kTlsScheme = "etcds:";
constexpr std::string_view kForm =
    "a store in etcd is written etcd://HOST[:PORT][,HOST[:PORT]...][/PREFIX], or etcds:// for TLS";
constexpr std::string_view kDefaultPrefix = "monopod/";
constexpr int kDefaultPort = 2379;

tl::unexpected<Error> Invalid(std::string message) {
  return Fail(ErrorCode::kInvalidArgument, std::move(message));
}

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool ConsistsOf(std::string_view text, std::string_view others) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return IsAlphanumeric(c) || others.find(c) != std::string_view::npos;
  });
}

bool IsIpv6(const std::string& text) {
  in6_addr address{};
  if (text.find('\0') != std::string::npos) return false;  // where inet_pton would stop
  return inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// "host", "host:port", "[address]", "[address]:port" -> with the port.
Result<std::string> ParseEndpoint(std::string_view text) {
  const std::size_t bracket = text.find(']');
  const bool is_bracketed = text.starts_with('[') && bracket != std::string_view::npos;
  const std::size_t host_size = is_bracketed ? bracket + 1 : std::min(text.find(':'), text.size());
  const std::string_view host = text.substr(0, host_size);
  std::string_view port = text.substr(host_size);
  const bool host_is_fine =
      is_bracketed ? IsIpv6(std::string(host.substr(1, host.size() - 2))) : ConsistsOf(host, ".-_");
  int number = kDefaultPort;
  bool port_is_fine = true;
  if (!port.empty()) {
    const bool has_colon = port.starts_with(':');
    port.remove_prefix(1);
    const char* const begin = port.data();
    const char* const end = begin + port.size();
    const auto [rest, error] = std::from_chars(begin, end, number);
    port_is_fine =
        has_colon && error == std::errc() && rest == end && number >= 1 && number <= 65535;
  }
  if (!host_is_fine || !port_is_fine) {
    return Invalid(
        fmt::format("\"{}\" is no endpoint: HOST, HOST:PORT or [IPV6-ADDRESS]:PORT "
                    "is allowed, several with commas between them",
                    text));
  }
  return fmt::format("{}:{}", host, number);
}

Result<std::string> ParsePrefix(std::string_view path) {
  if (path.ends_with('/')) path.remove_suffix(1);
  if (path.empty()) return std::string(kDefaultPrefix);
  for (const std::string_view segment : Split(path, '/')) {
    if (!ConsistsOf(segment, "._-")) {
      return Invalid(
          fmt::format("the prefix \"{}\" is not allowed: letters, digits, '.', '_' and "
                      "'-' are, with single slashes between them",
                      path));
    }
  }
  return fmt::format("{}/", path);
}

struct ParsedEndpoints {
  std::vector<std::string> names;
  std::optional<bool> use_tls;  // as far as they say it
};

// As etcdctl takes them: each perhaps with http:// or https://.
Result<ParsedEndpoints> ParseEndpoints(std::string_view text) {
  ParsedEndpoints parsed;
  bool is_first = true;
  for (std::string_view part : Split(text, ',')) {
    std::optional<bool> use_tls;
    for (const auto& [scheme, is_tls] : {std::pair{std::string_view("http://"), false},
                                         std::pair{std::string_view("https://"), true}}) {
      if (!part.starts_with(scheme)) continue;
      part.remove_prefix(scheme.size());
      if (part.ends_with('/')) part.remove_suffix(1);
      use_tls = is_tls;
    }
    if (!is_first && use_tls != parsed.use_tls) {
      return Invalid(
          fmt::format("the endpoints {} are mixed: either all are spoken to over TLS "
                      "(https://) or none",
                      text));
    }
    parsed.use_tls = use_tls;
    is_first = false;
    auto endpoint = ParseEndpoint(part);
    if (!endpoint) return Fail(std::move(endpoint.error()));
    parsed.names.push_back(std::move(*endpoint));
  }
  return parsed;
}

// As Go reads it, and so etcdctl.
Result<bool> ParseBool(const char* name, const std::string& text) {
  static constexpr std::array<std::string_view, 6> kTrue = {"1", "t", "T", "true", "TRUE", "True"};
  static constexpr std::array<std::string_view, 7> kFalse = {"",      "0",     "f",    "F",
                                                             "false", "FALSE", "False"};
  if (std::find(kTrue.begin(), kTrue.end(), text) != kTrue.end()) return true;
  if (std::find(kFalse.begin(), kFalse.end(), text) != kFalse.end()) return false;
  return Invalid(fmt::format("{} is \"{}\": true or false is allowed", name, text));
}

Result<void> CheckPem(const char* what, const std::string& path) {
  if (path.empty()) return {};
  const auto content = ReadTextFile(what, path);
  if (!content) return Fail(content.error());
  if (content->find("-----BEGIN ") == std::string::npos) {
    return Invalid(fmt::format("the {} {} is not in PEM format", what, path));
  }
  return {};
}

Result<TlsOptions> ResolveTls(const ClientFlags& flags, const Environment& environment) {
  const auto choose = [&](const std::string& flag, const char* variable) {
    return flag.empty() ? environment(variable) : flag;
  };
  auto skip = ParseBool("ETCDCTL_INSECURE_SKIP_TLS_VERIFY",
                        environment("ETCDCTL_INSECURE_SKIP_TLS_VERIFY"));
  if (!skip) return Fail(std::move(skip.error()));
  TlsOptions tls{.ca_file = choose(flags.cacert, "ETCDCTL_CACERT"),
                 .certificate_file = choose(flags.cert, "ETCDCTL_CERT"),
                 .key_file = choose(flags.key, "ETCDCTL_KEY"),
                 .skip_verification = *skip};
  if (tls.certificate_file.empty() != tls.key_file.empty()) {
    return Invalid(
        "a client certificate needs its key and the other way round: --cert and --key, or "
        "ETCDCTL_CERT and ETCDCTL_KEY");
  }
  for (const auto& [what, path] : {std::pair{"CA certificate", tls.ca_file},
                                   std::pair{"client certificate", tls.certificate_file},
                                   std::pair{"client key", tls.key_file}}) {
    auto checked = CheckPem(what, path);
    if (!checked) return Fail(std::move(checked.error()));
  }
  return tls;
}

Result<std::string> ResolvePassword(const ClientFlags& flags, const Environment& environment) {
  if (!flags.password.empty() && !flags.password_file.empty()) {
    return Invalid("--password and --password-file exclude each other");
  }
  if (flags.password_file.empty()) {
    return flags.password.empty() ? environment("ETCDCTL_PASSWORD") : flags.password;
  }
  auto content = ReadTextFile("password file", flags.password_file);
  if (!content) return Fail(std::move(content.error()));
  std::string password = content->substr(0, content->find_first_of("\r\n"));
  if (password.empty()) {
    return Invalid(
        fmt::format("the first line of the password file {} is empty", flags.password_file));
  }
  return password;
}

Result<void> ResolveUser(const ClientFlags& flags, const Environment& environment,
                         ClientOptions& options) {
  auto password = ResolvePassword(flags, environment);
  if (!password) return Fail(std::move(password.error()));
  const bool from_flag = !flags.user.empty();
  const std::string user = from_flag ? flags.user : environment("ETCDCTL_USER");
  const std::size_t colon = user.find(':');
  const bool has_password = colon != std::string::npos;
  const bool password_from_flag = !flags.password.empty() || !flags.password_file.empty();
  if (user.empty()) {
    if (!password_from_flag) return {};
    return Invalid("a password is given, but no user: --user NAME or ETCDCTL_USER");
  }
  if (from_flag && has_password && password_from_flag) {
    return Invalid("--user holds a password already; give it once");
  }
  options.user = user.substr(0, colon);
  // What was said closer to the command wins.
  options.password = has_password && !password_from_flag ? user.substr(colon + 1) : *password;
  if (options.user.empty() || options.password.empty()) {
    return Invalid(
        fmt::format("the user \"{}\" needs a name and a password: --password-file, "
                    "ETCDCTL_PASSWORD, or NAME:PASSWORD",
                    options.user));
  }
  return {};
}

struct UrlParts {
  bool is_tls = false;
  std::string_view authority;
  std::string_view path;
};

Result<UrlParts> SplitUrl(std::string_view url) {
  UrlParts parts{.is_tls = url.starts_with(kTlsScheme), .authority = {}, .path = {}};
  std::string_view rest = url.substr(std::min(url.find(':'), url.size()));
  if (rest == ":") return parts;
  if (!IsEtcdUrl(url) || !rest.starts_with("://")) {
    return Invalid(fmt::format("the store \"{}\" is not understood: {}", url, kForm));
  }
  rest.remove_prefix(3);
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  parts.authority = rest.substr(0, slash);
  parts.path = rest.substr(std::min(slash + 1, rest.size()));
  if (parts.authority.find('@') != std::string_view::npos) {
    return Invalid(
        "a user does not belong into the URL of the store, which others can see: use --user and "
        "--password-file, or ETCDCTL_USER and ETCDCTL_PASSWORD");
  }
  if (rest.find_first_of("?#") != std::string_view::npos) {
    return Invalid(fmt::format("the store \"{}\" is not understood: {}", url, kForm));
  }
  return parts;
}

}  // namespace

std::string ClientOptions::Url() const {
  std::string_view path = prefix;
  path.remove_suffix(1);
  return fmt::format("{}//{}{}{}", use_tls ? kTlsScheme : kPlainScheme, fmt::join(endpoints, ","),
                     prefix == kDefaultPrefix ? "" : "/", prefix == kDefaultPrefix ? "" : path);
}

Environment ProcessEnvironment() {
  return [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
}

bool IsEtcdUrl(std::string_view url) {
  return url.starts_with(kPlainScheme) || url.starts_with(kTlsScheme);
}

Result<ClientOptions> Resolve(std::string_view url, const ClientFlags& flags,
                              const Environment& environment) {
  const auto parts = SplitUrl(url);
  if (!parts) return Fail(parts.error());
  const bool from_url = !parts->authority.empty();
  const std::string listed =
      from_url ? std::string(parts->authority) : environment("ETCDCTL_ENDPOINTS");
  if (listed.empty()) {
    return Invalid(
        fmt::format("the store \"{}\" names no endpoint, and ETCDCTL_ENDPOINTS is not "
                    "set: {}",
                    url, kForm));
  }
  auto endpoints = ParseEndpoints(listed);
  auto prefix = ParsePrefix(parts->path);
  auto tls = ResolveTls(flags, environment);
  for (Error* error : {endpoints ? nullptr : &endpoints.error(), prefix ? nullptr : &prefix.error(),
                       tls ? nullptr : &tls.error()}) {
    if (error != nullptr) return Fail(std::move(*error));
  }
  if (parts->is_tls && endpoints->use_tls == false) {
    return Invalid("the store is to be reached over TLS, but ETCDCTL_ENDPOINTS says http://");
  }
  const bool has_tls_files =
      !tls->ca_file.empty() || !tls->certificate_file.empty() || tls->skip_verification;
  ClientOptions options{.endpoints = std::move(endpoints->names),
                        .prefix = std::move(*prefix),
                        .use_tls = parts->is_tls || endpoints->use_tls.value_or(has_tls_files),
                        .tls = std::move(*tls)};
  auto user = ResolveUser(flags, environment, options);
  if (!user) return Fail(std::move(user.error()));
  return options;
}

}  // namespace monopod::etcd
