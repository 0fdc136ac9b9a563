#include "src/kube/client/proxy.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>

#include "src/kube/client/base64.h"

namespace monopod::kube {
namespace {

// IPv4 is mapped into IPv6, so that there is one kind.
using IpAddress = std::array<std::uint8_t, 16>;
constexpr std::size_t kMappedBits = 96;

struct ParsedAddress {
  IpAddress bytes{};
  bool is_ipv4 = false;
};

std::optional<ParsedAddress> ParseAddress(const std::string& text) {
  ParsedAddress parsed;
  if (inet_pton(AF_INET6, text.c_str(), parsed.bytes.data()) == 1) return parsed;
  parsed.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  parsed.is_ipv4 = true;
  if (inet_pton(AF_INET, text.c_str(), &parsed.bytes[12]) == 1) return parsed;
  return std::nullopt;
}

bool IsLoopback(const IpAddress& address) {
  if (IN6_IS_ADDR_LOOPBACK(reinterpret_cast<const in6_addr*>(address.data()))) return true;
  return IN6_IS_ADDR_V4MAPPED(reinterpret_cast<const in6_addr*>(address.data())) &&
         address[12] == 127;
}

bool SharePrefix(const IpAddress& one, const IpAddress& other, std::size_t bits) {
  for (std::size_t i = 0; i < bits; ++i) {
    const unsigned difference = one[i / 8] ^ other[i / 8];
    if ((difference & (0x80U >> (i % 8))) != 0) return false;
  }
  return true;
}

// "10.0.0.0/8": nothing if it is none; else whether the address is in it.
std::optional<bool> MatchRange(const std::string& range, const std::optional<IpAddress>& address) {
  const std::size_t slash = range.find('/');
  if (slash == std::string::npos) return std::nullopt;
  const auto base = ParseAddress(range.substr(0, slash));
  std::size_t bits = 0;
  const char* const end = range.data() + range.size();
  const auto [rest, error] = std::from_chars(range.data() + slash + 1, end, bits);
  if (!base || error != std::errc() || rest != end || bits > (base->is_ipv4 ? 32U : 128U)) {
    return std::nullopt;
  }
  if (base->is_ipv4) bits += kMappedBits;
  return address && SharePrefix(*address, base->bytes, bits);
}

// "host:port", "[address]:port" or without a port.
struct Entry {
  std::string host;
  std::string port;
};
Entry SplitEntry(const std::string& text) {
  Entry entry{.host = text, .port = {}};
  const std::size_t colon = text.rfind(':');
  const bool is_bracketed = text.starts_with('[');
  if (colon != std::string::npos &&
      (is_bracketed ? text[colon - 1] == ']' : text.find(':') == colon)) {
    entry = {.host = text.substr(0, colon), .port = text.substr(colon + 1)};
  }
  if (is_bracketed && entry.host.ends_with(']')) {
    entry.host = entry.host.substr(1, entry.host.size() - 2);
  }
  return entry;
}

bool Matches(const std::string& text, const Url& server, const std::optional<IpAddress>& address) {
  if (text == "*") return true;
  if (const auto in_range = MatchRange(text, address)) return *in_range;
  Entry entry = SplitEntry(text);
  if (entry.host.empty() || (!entry.port.empty() && entry.port != server.port)) return false;
  if (const auto listed = ParseAddress(entry.host)) return address && *address == listed->bytes;
  if (entry.host.starts_with("*.")) entry.host.erase(0, 1);
  if (entry.host.starts_with('.')) return server.host.ends_with(entry.host);
  return server.host == entry.host || server.host.ends_with("." + entry.host);
}

std::string Normalized(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    if (c == ' ' || c == '\t') continue;
    plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return plain;
}

bool IsDirect(const Url& server, std::string_view list) {
  const auto parsed = ParseAddress(server.host);
  const auto address = parsed ? std::optional(parsed->bytes) : std::nullopt;
  if (server.host == "localhost" || (address && IsLoopback(*address))) return true;
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    const std::string entry = Normalized(list.substr(0, end));
    if (!entry.empty() && Matches(entry, server, address)) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

}  // namespace

Result<Proxy> ParseProxy(const std::string& text) {
  auto url = ParseUrl(text);
  if (!url) return Fail(std::move(url.error()));
  if (!url->scheme.empty() && url->scheme != "http") {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("{}:// proxies are not supported: http://HOST:PORT is", url->scheme));
  }
  Proxy proxy{.host = url->host, .port = url->port.empty() ? "80" : url->port, .authorization = {}};
  if (url->user) {
    proxy.authorization = "Basic " + EncodeBase64(fmt::format("{}:{}", *url->user, url->password));
  }
  return proxy;
}

Result<std::optional<Proxy>> ProxyOfEnvironment(const Url& server, const Environment& environment) {
  if (server.scheme != "https") return std::nullopt;
  const auto either = [&](const char* upper, const char* lower) {
    std::string value = environment(upper);
    return value.empty() ? environment(lower) : value;
  };
  const std::string text = either("HTTPS_PROXY", "https_proxy");
  if (text.empty() || IsDirect(server, either("NO_PROXY", "no_proxy"))) return std::nullopt;
  auto proxy = ParseProxy(text);
  if (!proxy) {
    return Fail(proxy.error().code,
                fmt::format("HTTPS_PROXY cannot be used: {}", proxy.error().message));
  }
  return std::optional(std::move(*proxy));
}

}  // namespace monopod::kube
