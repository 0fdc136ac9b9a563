// etcd that cannot be reached or that refuses: each case its exit code, a message that says what is
// wrong and where, within --store-timeout.
#include "src/base/clock.h"
#include "tests/commands/fixture.h"
#include "tests/support/certificates.h"
#include "tests/support/etcd_server.h"
#include "tests/support/tcp_relay.h"

namespace monopod::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Refusal {
  int code;
  std::vector<std::string> says;
};

class EtcdRefusalTest : public CommandTest {
 protected:
  // Of those who claim and of those who only ask.
  void Expect(const Refusal& refusal, const Arguments& flags) const {
    const Arguments limit = {"--store-timeout", "2s"};
    for (const Arguments& command :
         {Words(Words({"run", "x", "--ttl", "3s"}, limit), flags), Words({"status", "x"}, limit),
          Words({"break", "x", "--token", "1", "--reason", "r"}, limit)}) {
      const bool runs = command.front() == "run";
      const BootTime begun = BootClock::now();
      const Ended ended =
          Finish(runs ? Words(command, {"--", "echo", "never"}) : Words(command, flags));
      EXPECT_LT(BootClock::now() - begun, 3s) << command.front();
      EXPECT_EQ(ended.code, refusal.code) << command.front() << ": " << ended.err;
      for (const std::string& text : refusal.says) EXPECT_THAT(ended.err, HasSubstr(text));
      EXPECT_EQ(ended.out, "");
    }
  }
};

TEST_F(EtcdRefusalTest, NobodyListens) {
  Expect({69, {"127.0.0.1:1", "refused"}}, {"--store", "etcd://127.0.0.1:1"});
}

TEST_F(EtcdRefusalTest, SomebodyListensAndNeverAnswers) {
  const EtcdServer server;
  TcpRelay relay(server.port());
  relay.Set(TcpRelay::Mode::kSilent);
  Expect({69, {relay.endpoint()}}, {"--store", "etcd://" + relay.endpoint()});
}

TEST_F(EtcdRefusalTest, WhatAnswersIsNoEtcd) {
  const TcpRelay relay("220 mail.example ESMTP\r\n");
  Expect({69, {relay.endpoint()}}, {"--store", "etcd://" + relay.endpoint()});
}

class EtcdTlsTest : public EtcdRefusalTest {
 protected:
  EtcdOptions Serve(const CertificateOptions& certificate) {
    const CertificateFiles files = authority_.Issue(certificate);
    return {.flags = {"--cert-file=" + files.certificate, "--key-file=" + files.key}, .tls = true};
  }
  static std::string UrlOf(const EtcdServer& server) { return "etcds://" + server.endpoint(); }

  CertificateAuthority authority_;
};

TEST_F(EtcdTlsTest, AServerWithATrustedCertificateIsUsed) {
  const EtcdServer server(Serve({}));
  const Ended ended = Finish({"run", "x", "--store", "etcd://" + server.endpoint(), "--cacert",
                              authority_.file(), "--", "sh", "-c", "echo $MONOPOD_STORE"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out, UrlOf(server) + "\n");
}

TEST_F(EtcdTlsTest, AnotherAuthoritysCertificateIsDenied) {
  const EtcdServer server(Serve({}));
  const CertificateAuthority other;
  Expect({77, {server.endpoint(), "certificate is not trusted"}},
         {"--store", UrlOf(server), "--cacert", other.file()});
}

TEST_F(EtcdTlsTest, AnExpiredCertificateIsDenied) {
  const EtcdServer server(Serve({.expired = true}));
  Expect({77, {server.endpoint(), "certificate has expired"}},
         {"--store", UrlOf(server), "--cacert", authority_.file()});
}

class EtcdUserTest : public EtcdRefusalTest {
 protected:
  // "reboot" may use the lock of that name and no other.
  EtcdUserTest() {
    const auto etcdctl = [&](std::vector<std::string> arguments) {
      Etcdctl(server_.endpoint(), std::move(arguments));
    };
    etcdctl({"user", "add", "root:rootpw"});
    etcdctl({"user", "grant-role", "root", "root"});
    etcdctl({"role", "add", "reboot"});
    for (const std::string kind : {"locks", "marks"}) {
      etcdctl({"role", "grant-permission", "reboot", "--prefix=true", "readwrite",
               "monopod/" + kind + "/reboot/"});
    }
    for (const std::string kind : {"tails", "slots"}) {
      etcdctl({"role", "grant-permission", "reboot", "readwrite", "monopod/" + kind + "/reboot"});
    }
    etcdctl({"user", "add", "reboot:secret"});
    etcdctl({"user", "grant-role", "reboot", "reboot"});
    etcdctl({"auth", "enable"});
    WriteFile(directory_.File("password"), "secret\n");
  }
  std::string store() const override { return server_.Url(); }
  Arguments LogIn() const {
    return {"--user", "reboot", "--password-file", directory_.File("password")};
  }

  const EtcdServer server_;
};

TEST_F(EtcdUserTest, AWrongPasswordIsDenied) {
  Expect({77, {server_.endpoint(), "login"}}, {"--user", "reboot", "--password", "wrong"});
}

TEST_F(EtcdUserTest, AMissingUserIsDenied) {
  Expect({77, {server_.endpoint(), "wants a user"}}, {});
}

TEST_F(EtcdUserTest, AUserWithoutRightsOnTheLockIsDenied) {
  Expect({77, {server_.endpoint(), "permission denied"}}, LogIn());
}

TEST_F(EtcdUserTest, RightsOnOneLockAreEnoughForIt) {
  EXPECT_EQ(Finish(Words(Words({"run", "reboot"}, LogIn()), {"--", "true"})).code, 0);
  const Ended handle = Finish(Words({"acquire", "reboot"}, LogIn()));
  EXPECT_EQ(handle.code, 0) << handle.err;
  Process waiter = Monopod(Words(Words({"run", "reboot"}, LogIn()), {"--", "true"}));
  EXPECT_TRUE(waiter.AwaitErr("\"event\":\"waiting\"")) << waiter.err();
  const std::string text = handle.out.substr(0, handle.out.find('\n'));
  EXPECT_EQ(Finish(Words({"renew", text}, LogIn())).code, 0);
  EXPECT_EQ(Finish(Words({"release", text}, LogIn())).code, 0);
  EXPECT_EQ(waiter.Wait(), 0) << waiter.err();
}

TEST_F(EtcdUserTest, CommandsInheritTheLoginByTheEnvironmentAndNotByTheUrl) {
  const std::string nested =
      std::string(MONOPOD_BINARY) + " status reboot; env | grep ^MONOPOD_STORE=";
  Process outer({MONOPOD_BINARY, "run", "reboot", "--", "sh", "-c", nested},
                {.environment = {{"MONOPOD_STORE", store()},
                                 {"ETCDCTL_USER", "reboot"},
                                 {"ETCDCTL_PASSWORD", "secret"}}});
  EXPECT_EQ(outer.Wait(), 0) << outer.err();
  EXPECT_THAT(outer.out(), AllOf(HasSubstr("held"), HasSubstr("MONOPOD_STORE=" + store() + "\n")));
  const Ended flagged = Finish({"run", "reboot", "--user", "reboot:secret", "--", "env"});
  EXPECT_EQ(flagged.code, 0) << flagged.err;
  EXPECT_THAT(flagged.out + flagged.err, Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace monopod::testing
