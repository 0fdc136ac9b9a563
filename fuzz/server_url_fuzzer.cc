// URLs of servers and proxies, and the answer of an exec plugin: from configuration and programs
// that others wrote. What is accepted can be put into a request as it is.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/check.h"
#include "src/kube/client/base64.h"
#include "src/kube/client/exec_plugin.h"
#include "src/kube/client/proxy.h"
#include "src/kube/client/url.h"

namespace monopod::kube {

using monopod::fuzz::Check;

namespace {

void CheckHost(const std::string& host) {
  Check(!host.empty() && host.find_first_of(std::string("\r\n \0/@", 6)) == std::string::npos);
}

void CheckUrl(const std::string& text) {
  const auto url = ParseUrl(text);
  if (!url) {
    Check(url.error().code == ErrorCode::kInvalidArgument);
    return;
  }
  CheckHost(url->host);
  Check(url->port.find_first_not_of("0123456789") == std::string::npos);
  Check(url->path.empty() || (url->path.starts_with('/') && !url->path.ends_with('/')));
  if (!url->port.empty()) {
    const auto again = ParseUrl(url->Authority());
    Check(again && again->host == url->host && again->port == url->port);
  }
  // NO_PROXY is a text of the same kind.
  const auto proxy = ProxyOfEnvironment(*url, [&](const char* name) {
    return std::string_view(name) == "HTTPS_PROXY" ? std::string("proxy:1") : text;
  });
  Check(proxy.has_value());
}

void CheckProxy(const std::string& text) {
  const auto proxy = ParseProxy(text);
  if (!proxy) {
    Check(proxy.error().code == ErrorCode::kInvalidArgument);
    return;
  }
  CheckHost(proxy->host);
  Check(!proxy->port.empty());
  Check(proxy->authorization.find_first_of("\r\n") == std::string::npos);
}

void CheckCredential(const std::string& text) {
  const auto credential = ParseExecCredential(text, "client.authentication.k8s.io/v1");
  if (!credential) {
    Check(credential.error().code == ErrorCode::kDenied && !credential.error().message.empty());
    return;
  }
  Check(!credential->token.empty() || !credential->certificate.empty());
  Check(credential->certificate.empty() == credential->key.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  CheckUrl(text);
  CheckProxy(text);
  CheckCredential(text);
  Check(DecodeBase64(EncodeBase64(text)) == text);
  if (const auto bytes = DecodeBase64(text)) Check(DecodeBase64(EncodeBase64(*bytes)) == bytes);
  return 0;
}

}  // namespace monopod::kube
