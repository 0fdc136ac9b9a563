#include "src/kube/client/proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace monopod::kube {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Variables = std::map<std::string, std::string>;

Environment Of(const Variables& variables) {
  return [variables](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  };
}

bool IsProxied(const std::string& server, const Variables& variables) {
  const auto proxy = ProxyOfEnvironment(*ParseUrl(server), Of(variables));
  EXPECT_TRUE(proxy) << proxy.error().message;
  return proxy && *proxy;
}

TEST(ProxyTest, NoProxyIsReadAsGoReadsIt) {
  struct Case {
    const char* no_proxy;
    const char* server;
    bool is_proxied;
  };
  for (const auto& [no_proxy, server, is_proxied] : std::initializer_list<Case>{
           {"", "https://api.example", true},
           {"*", "https://api.example", false},
           {"other.example", "https://api.example", true},
           {"api.example", "https://api.example", false},
           {"API.example", "https://api.EXAMPLE", false},
           {"example", "https://api.example", false},
           {"xample", "https://api.example", true},
           {".example", "https://api.example", false},
           {".api.example", "https://api.example", true},
           {"*.example", "https://api.example", false},
           {"*.api.example", "https://api.example", true},
           {" a.b , api.example ", "https://api.example", false},
           {",,", "https://api.example", true},
           {"api.example:443", "https://api.example", false},
           {"api.example:6443", "https://api.example", true},
           {"example:6443", "https://api.example:6443", false},
           {":443", "https://api.example", true},
           {"10.0.0.1", "https://10.0.0.1", false},
           {"10.0.0.1", "https://10.0.0.11", true},
           {"10.0.0.1:443", "https://10.0.0.1", false},
           {"10.0.0.1:6443", "https://10.0.0.1", true},
           {"10.0.0.0/8", "https://10.9.8.7", false},
           {"10.0.0.0/8", "https://11.0.0.1", true},
           {"10.0.0.0/33", "https://10.0.0.1", true},
           {"10.128.0.0/9", "https://10.127.0.1", true},
           {"0.0.0.0/0", "https://api.example", true},
           {"fd00::/8", "https://[fd00::7]:6443", false},
           {"[fd00::7]:6443", "https://[fd00::7]:6443", false},
           {"[fd00::7]:443", "https://[fd00::7]:6443", true},
           {"fd00::7", "https://[fd00::7]:6443", false},
           {"", "https://127.0.0.1:6443", false},
           {"", "https://127.8.0.1", false},
           {"", "https://[::1]", false},
           {"", "https://localhost", false},
           {"", "http://api.example", false},
       }) {
    EXPECT_EQ(IsProxied(server, {{"HTTPS_PROXY", "http://p:3128"}, {"NO_PROXY", no_proxy}}),
              is_proxied)
        << no_proxy << " for " << server;
  }
}

TEST(ProxyTest, VariablesMayBeInLowerCase) {
  EXPECT_TRUE(IsProxied("https://a", {{"https_proxy", "p:1"}}));
  EXPECT_FALSE(IsProxied("https://a", {{"https_proxy", "p:1"}, {"no_proxy", "a"}}));
  EXPECT_FALSE(IsProxied("https://a", {}));
}

TEST(ProxyTest, UserAndPasswordBecomeAHeader) {
  const auto proxy = ParseProxy("http://me:p%3Ass@proxy.example:3128/");
  ASSERT_TRUE(proxy) << proxy.error().message;
  EXPECT_EQ(proxy->host, "proxy.example");
  EXPECT_EQ(proxy->port, "3128");
  EXPECT_EQ(proxy->authorization, "Basic bWU6cDpzcw==");
  EXPECT_EQ(ParseProxy("proxy.example")->port, "80");
  EXPECT_EQ(ParseProxy("proxy.example")->authorization, "");
}

TEST(ProxyTest, OtherKindsAreRefused) {
  for (const char* text : {"socks5://p:1080", "https://p"}) {
    const auto proxy = ParseProxy(text);
    ASSERT_FALSE(proxy);
    EXPECT_THAT(proxy.error().message, HasSubstr("http://HOST:PORT is"));
  }
  const auto proxy =
      ProxyOfEnvironment(*ParseUrl("https://a"), Of({{"HTTPS_PROXY", "http://me:secret@"}}));
  ASSERT_FALSE(proxy);
  EXPECT_EQ(proxy.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(proxy.error().message, HasSubstr("HTTPS_PROXY"));
  EXPECT_THAT(proxy.error().message, Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace monopod::kube
