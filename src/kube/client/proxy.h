// Which proxy a server is reached by.
#pragma once

#include <optional>
#include <string>

#include "src/kube/client/access.h"
#include "src/kube/client/url.h"

namespace monopod::kube {

// "http://[USER:PASSWORD@]HOST[:PORT]", where the scheme may be left out and the port is 80 unless
// said. Fails with kInvalidArgument; the message quotes nothing of the text.
Result<Proxy> ParseProxy(const std::string& text);

// What HTTPS_PROXY and NO_PROXY, or https_proxy and no_proxy, say of an https:// server, read as Go
// reads them: this machine is reached directly; NO_PROXY lists names that stand for themselves and
// what ends with them after a dot (with a dot or "*." in front only for the latter), addresses,
// address ranges, each perhaps with ":PORT", or has '*' for all.
Result<std::optional<Proxy>> ProxyOfEnvironment(const Url& server, const Environment& environment);

}  // namespace monopod::kube
