#include "src/etcd/client/client_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <string>

#include "tests/support/process.h"

namespace monopod::etcd {
namespace {

using monopod::testing::TemporaryDirectory;
using monopod::testing::WriteFile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Variables = std::map<std::string, std::string>;

Environment Of(const Variables& variables) {
  return [variables](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  };
}

Result<ClientOptions> ResolveWith(const std::string& url, const Variables& variables = {},
                                  const ClientFlags& flags = {}) {
  return Resolve(url, flags, Of(variables));
}

void ExpectInvalid(const Result<ClientOptions>& resolved, const std::string& text) {
  ASSERT_FALSE(resolved);
  EXPECT_EQ(resolved.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(resolved.error().message, HasSubstr(text));
}

TEST(ClientOptionsTest, UrlNamesEndpointsAndPrefix) {
  const auto one = ResolveWith("etcd://db");
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_THAT(one->endpoints, ElementsAre("db:2379"));
  EXPECT_EQ(one->prefix, "monopod/");
  EXPECT_FALSE(one->use_tls);
  EXPECT_EQ(one->Url(), "etcd://db:2379");

  const auto several = ResolveWith("etcds://a.example:1,[::1],10.0.0.1:65535/team-a/locks/");
  ASSERT_TRUE(several) << several.error().message;
  EXPECT_THAT(several->endpoints, ElementsAre("a.example:1", "[::1]:2379", "10.0.0.1:65535"));
  EXPECT_EQ(several->prefix, "team-a/locks/");
  EXPECT_TRUE(several->use_tls);
  EXPECT_EQ(several->Url(), "etcds://a.example:1,[::1]:2379,10.0.0.1:65535/team-a/locks");
}

TEST(ClientOptionsTest, UrlOfTheResultLeadsToTheSame) {
  const auto resolved =
      ResolveWith("etcd:///x", {{"ETCDCTL_ENDPOINTS", "https://a:1,https://b:2"}});
  ASSERT_TRUE(resolved) << resolved.error().message;
  const auto again = ResolveWith(resolved->Url());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->endpoints, resolved->endpoints);
  EXPECT_EQ(again->prefix, resolved->prefix);
  EXPECT_EQ(again->use_tls, resolved->use_tls);
}

TEST(ClientOptionsTest, UrlWithoutHostTakesTheEndpointsOfEtcdctl) {
  for (const char* url : {"etcd:", "etcd://", "etcd:///"}) {
    const auto plain = ResolveWith(url, {{"ETCDCTL_ENDPOINTS", "http://a:1/,http://b"}});
    ASSERT_TRUE(plain) << plain.error().message;
    EXPECT_THAT(plain->endpoints, ElementsAre("a:1", "b:2379"));
    EXPECT_FALSE(plain->use_tls);
  }
  const auto tls = ResolveWith("etcd:", {{"ETCDCTL_ENDPOINTS", "https://a:1"}});
  ASSERT_TRUE(tls) << tls.error().message;
  EXPECT_TRUE(tls->use_tls);
  const auto named = ResolveWith("etcd://c", {{"ETCDCTL_ENDPOINTS", "a"}});
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_THAT(named->endpoints, ElementsAre("c:2379"));
}

TEST(ClientOptionsTest, MalformedUrlIsRefused) {
  EXPECT_TRUE(IsEtcdUrl("etcd:x"));
  EXPECT_FALSE(IsEtcdUrl("etcd"));
  ExpectInvalid(ResolveWith("etcd:x"), "etcd://HOST");
  ExpectInvalid(ResolveWith("etcd:/x"), "etcd://HOST");
  ExpectInvalid(ResolveWith("etcd:"), "ETCDCTL_ENDPOINTS");
  ExpectInvalid(ResolveWith("etcd://a?x=1"), "etcd://HOST");
  ExpectInvalid(ResolveWith("etcd://me:secret@a"), "--user");
  for (const char* endpoint : {"a:", "a:0", "a:65536", "a:x", "a:1:2", "a b", "[::1", "[x]:1", ":1",
                               "a,,b", "a,", "[::1]x"}) {
    ExpectInvalid(ResolveWith(std::string("etcd://") + endpoint), "is no endpoint");
  }
  // Found by the fuzzer: what followed a zero byte between the brackets was not looked at.
  ExpectInvalid(ResolveWith(std::string("etcd://[::\0x]", 13)), "is no endpoint");
  for (const char* prefix : {"/", "a//b", "a b", "~"}) {
    ExpectInvalid(ResolveWith(std::string("etcd://h//") + prefix), "prefix");
  }
  ExpectInvalid(ResolveWith("etcd:", {{"ETCDCTL_ENDPOINTS", "http://a,https://b"}}), "mixed");
  ExpectInvalid(ResolveWith("etcds:", {{"ETCDCTL_ENDPOINTS", "http://a"}}), "TLS");
}

class ClientFilesTest : public ::testing::Test {
 protected:
  std::string Pem(const std::string& name) {
    const std::string path = folder_.File(name);
    WriteFile(path, "-----BEGIN CERTIFICATE-----\n");
    return path;
  }
  const TemporaryDirectory folder_;
};

TEST_F(ClientFilesTest, TlsFilesMeanTls) {
  const auto by_environment = ResolveWith("etcd://a", {{"ETCDCTL_CACERT", Pem("ca")}});
  ASSERT_TRUE(by_environment) << by_environment.error().message;
  EXPECT_TRUE(by_environment->use_tls);
  EXPECT_EQ(by_environment->tls.ca_file, folder_.File("ca"));
  EXPECT_EQ(by_environment->Url(), "etcds://a:2379");

  const auto by_flag =
      ResolveWith("etcd://a", {{"ETCDCTL_CACERT", "/none"}, {"ETCDCTL_CERT", "/none"}},
                  {.cacert = Pem("ca"), .cert = Pem("cert"), .key = Pem("key")});
  ASSERT_TRUE(by_flag) << by_flag.error().message;
  EXPECT_EQ(by_flag->tls.ca_file, folder_.File("ca"));
  EXPECT_EQ(by_flag->tls.certificate_file, folder_.File("cert"));
  EXPECT_EQ(by_flag->tls.key_file, folder_.File("key"));

  const auto plain =
      ResolveWith("etcd:", {{"ETCDCTL_ENDPOINTS", "http://a"}}, {.cacert = Pem("ca")});
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_FALSE(plain->use_tls);
}

TEST_F(ClientFilesTest, SkippingVerificationIsUnderstoodAsEtcdctlDoes) {
  const char* const name = "ETCDCTL_INSECURE_SKIP_TLS_VERIFY";
  const auto skipped = ResolveWith("etcd://a", {{name, "true"}});
  ASSERT_TRUE(skipped) << skipped.error().message;
  EXPECT_TRUE(skipped->use_tls);
  EXPECT_TRUE(skipped->tls.skip_verification);
  const auto verified = ResolveWith("etcds://a", {{name, "false"}});
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_FALSE(verified->tls.skip_verification);
  ExpectInvalid(ResolveWith("etcd://a", {{name, "yes"}}), name);
}

TEST_F(ClientFilesTest, FileThatCannotBeUsedIsNamed) {
  ExpectInvalid(ResolveWith("etcd://a", {}, {.cacert = folder_.File("none")}),
                "cannot read the CA certificate " + folder_.File("none") + ": No such file");
  ExpectInvalid(ResolveWith("etcd://a", {}, {.cacert = folder_.path()}), folder_.path());
  WriteFile(folder_.File("empty"), "");
  ExpectInvalid(ResolveWith("etcd://a", {}, {.cacert = folder_.File("empty")}), "empty");
  WriteFile(folder_.File("text"), "hello\n");
  ExpectInvalid(ResolveWith("etcd://a", {}, {.cacert = folder_.File("text")}), "PEM");
  ExpectInvalid(ResolveWith("etcd://a", {}, {.cert = Pem("cert")}), "--key");
  ExpectInvalid(ResolveWith("etcd://a", {{"ETCDCTL_KEY", Pem("key")}}), "--cert");
}

TEST_F(ClientFilesTest, UserAndPasswordComeFromFlagsFileOrEnvironment) {
  WriteFile(folder_.File("password"), "s3cret: word\nsecond line\n");
  const auto expect = [](const Result<ClientOptions>& resolved, const std::string& password) {
    ASSERT_TRUE(resolved) << resolved.error().message;
    EXPECT_EQ(resolved->user, "me");
    EXPECT_EQ(resolved->password, password);
    EXPECT_EQ(resolved->Url().find("me"), std::string::npos);
  };
  expect(ResolveWith("etcd://a", {{"ETCDCTL_USER", "me:a:b"}}), "a:b");
  expect(ResolveWith("etcd://a", {{"ETCDCTL_USER", "me"}, {"ETCDCTL_PASSWORD", "x"}}), "x");
  expect(ResolveWith("etcd://a", {{"ETCDCTL_USER", "you:y"}}, {.user = "me:x"}), "x");
  expect(ResolveWith("etcd://a", {{"ETCDCTL_PASSWORD", "y"}}, {.user = "me", .password = "x"}),
         "x");
  expect(ResolveWith("etcd://a", {{"ETCDCTL_USER", "me:y"}},
                     {.password_file = folder_.File("password")}),
         "s3cret: word");
}

TEST_F(ClientFilesTest, IncompleteOrDoubleCredentialsAreRefused) {
  ExpectInvalid(ResolveWith("etcd://a", {}, {.user = "me"}), "ETCDCTL_PASSWORD");
  ExpectInvalid(ResolveWith("etcd://a", {}, {.user = ":x"}), "name");
  ExpectInvalid(ResolveWith("etcd://a", {}, {.password = "x"}), "--user");
  ExpectInvalid(ResolveWith("etcd://a", {}, {.user = "me:x", .password = "y"}), "once");
  ExpectInvalid(ResolveWith("etcd://a", {}, {.user = "me", .password = "y", .password_file = "z"}),
                "exclude");
  ExpectInvalid(ResolveWith("etcd://a", {}, {.user = "me", .password_file = folder_.File("none")}),
                "password file");
  WriteFile(folder_.File("blank"), "\n");
  ExpectInvalid(ResolveWith("etcd://a", {}, {.user = "me", .password_file = folder_.File("blank")}),
                "empty");
}

}  // namespace
}  // namespace monopod::etcd
