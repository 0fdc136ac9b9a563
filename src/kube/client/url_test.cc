#include "src/kube/client/url.h"

#include <gtest/gtest.h>

#include "src/kube/client/base64.h"

namespace monopod::kube {
namespace {

TEST(UrlTest, IsTakenApart) {
  const auto url = ParseUrl("HTTPS://me:p%40ss@API.example:6443/k8s/c1/");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->user, "me");
  EXPECT_EQ(url->password, "p@ss");
  EXPECT_EQ(url->host, "api.example");
  EXPECT_EQ(url->port, "6443");
  EXPECT_EQ(url->path, "/k8s/c1");
  EXPECT_EQ(url->Authority(), "api.example:6443");
}

TEST(UrlTest, PortIsThatOfTheScheme) {
  EXPECT_EQ(ParseUrl("https://a")->port, "443");
  EXPECT_EQ(ParseUrl("http://a")->port, "80");
  EXPECT_EQ(ParseUrl("a")->port, "");
  EXPECT_EQ(ParseUrl("a:3128")->port, "3128");
}

TEST(UrlTest, Ipv6AddressHasBrackets) {
  const auto url = ParseUrl("https://[FD00::1]:6443");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "fd00::1");
  EXPECT_EQ(url->Authority(), "[fd00::1]:6443");
  EXPECT_EQ(ParseUrl("https://[::1]")->port, "443");
}

TEST(UrlTest, MalformedTextIsRefusedWithoutQuotingIt) {
  for (const char* text :
       {"", "https://", "https://:1", "https://a:", "https://a:0", "https://a:65536", "https://a:x",
        "https://a b", "https://[::1", "https://[::1]x", "https://[a]", "https://a?x",
        "https://a#x", "https://a\n", "https://se%zzcret@a", "https://a:1:2",
        "https://b\xc3\xbc"}) {
    const auto url = ParseUrl(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(url.error().message.find("cret"), std::string::npos);
  }
}

TEST(Base64Test, TextsAreEncodedAndDecoded) {
  for (const auto& [plain, encoded] :
       {std::pair{"", ""}, std::pair{"f", "Zg=="}, std::pair{"fo", "Zm8="},
        std::pair{"foo", "Zm9v"}, std::pair{"\xff\xfe~?", "//5+Pw=="}}) {
    EXPECT_EQ(EncodeBase64(plain), encoded);
    EXPECT_EQ(DecodeBase64(encoded), plain);
  }
  EXPECT_EQ(DecodeBase64("Zm\n 9v\r\n"), "foo");
  for (const char* text : {"Z", "Zg=", "Zg", "Z===", "Zm=v", "Zm9*", "====", "Zm9v="}) {
    EXPECT_FALSE(DecodeBase64(text)) << text;
  }
}

}  // namespace
}  // namespace monopod::kube
