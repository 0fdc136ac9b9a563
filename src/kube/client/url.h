// The URLs of servers and proxies, taken apart.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "monopod/result.h"

namespace monopod::kube {

struct Url {
  std::string scheme;  // in lower case; empty if none is said
  std::optional<std::string> user;
  std::string password;
  std::string host;  // in lower case, an IPv6 address without its brackets
  std::string port;  // a number; that of the scheme unless said, or empty
  std::string path;  // empty, or "/..." without a slash at its end

  // "host:port" or "[address]:port".
  std::string Authority() const;
};

// [SCHEME://][USER[:PASSWORD]@]HOST[:PORT][/PATH]. Fails with kInvalidArgument; the message quotes
// no part of the text, since it may hold a password.
Result<Url> ParseUrl(std::string_view text);

// "host:port", with brackets where the host needs them.
std::string JoinHostPort(const std::string& host, const std::string& port);

}  // namespace monopod::kube
