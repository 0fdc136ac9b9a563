#include "src/kube/client/url.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace monopod::kube {
namespace {

constexpr std::size_t kLongest = 2048;

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string ToLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

tl::unexpected<Error> Invalid(const char* why) { return Fail(ErrorCode::kInvalidArgument, why); }

std::optional<std::string> Unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i];
      continue;
    }
    unsigned value = 0;
    const char* const digits = text.data() + i + 1;
    if (i + 2 >= text.size() || std::from_chars(digits, digits + 2, value, 16).ptr != digits + 2) {
      return std::nullopt;
    }
    plain += static_cast<char>(value);
    i += 2;
  }
  return plain;
}

bool IsPort(std::string_view text) {
  int number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && rest == text.data() + text.size() && number >= 1 &&
         number <= 65535;
}

bool IsHost(std::string_view text, std::string_view others) {
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [&](char c) {
    return IsAlphanumeric(c) || others.find(c) != std::string_view::npos;
  });
}

Result<void> ParseUser(std::string_view text, Url& url) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const auto user = Unescape(text.substr(0, colon));
  const auto password = Unescape(text.substr(std::min(colon + 1, text.size())));
  if (!user || !password) return Invalid("its user or password is not percent-encoded");
  url.user = *user;
  url.password = *password;
  return {};
}

Result<void> ParseHost(std::string_view text, Url& url) {
  std::string_view host = text.substr(0, std::min(text.rfind(':'), text.size()));
  std::string_view port = text.substr(host.size());
  bool is_fine = false;
  if (text.starts_with('[')) {
    const std::size_t bracket = std::min(text.find(']'), text.size() - 1);
    host = text.substr(1, bracket - 1);
    port = text.substr(bracket + 1);
    is_fine = text[bracket] == ']' && IsHost(host, ":.%") && host.find(':') != host.npos;
  } else {
    is_fine = IsHost(host, "-._");
  }
  if (!is_fine) return Invalid("its host is missing or malformed");
  url.host = ToLower(host);
  if (port.empty()) return {};
  if (!port.starts_with(':') || !IsPort(port.substr(1))) {
    return Invalid("its port is no number from 1 to 65535");
  }
  url.port = port.substr(1);
  return {};
}

}  // namespace

std::string JoinHostPort(const std::string& host, const std::string& port) {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

std::string Url::Authority() const { return JoinHostPort(host, port); }

Result<Url> ParseUrl(std::string_view text) {
  if (text.size() > kLongest) return Invalid("it is too long");
  if (std::any_of(text.begin(), text.end(), [](char c) { return c <= ' ' || c > '~'; })) {
    return Invalid("it has spaces or characters beyond ASCII");
  }
  Url url;
  const std::size_t scheme = text.find("://");
  if (scheme != std::string_view::npos) {
    url.scheme = ToLower(text.substr(0, scheme));
    text.remove_prefix(scheme + 3);
  }
  if (text.find_first_of("?#") != std::string_view::npos) {
    return Invalid("'?' and '#' have no place in it");
  }
  const std::size_t slash = std::min(text.find('/'), text.size());
  std::string_view authority = text.substr(0, slash);
  url.path = text.substr(slash);
  while (url.path.ends_with('/')) url.path.pop_back();
  const std::size_t at = authority.rfind('@');
  if (at != std::string_view::npos) {
    auto parsed = ParseUser(authority.substr(0, at), url);
    if (!parsed) return Fail(std::move(parsed.error()));
    authority.remove_prefix(at + 1);
  }
  auto parsed = ParseHost(authority, url);
  if (!parsed) return Fail(std::move(parsed.error()));
  if (url.port.empty() && url.scheme == "http") url.port = "80";
  if (url.port.empty() && url.scheme == "https") url.port = "443";
  return url;
}

}  // namespace monopod::kube
