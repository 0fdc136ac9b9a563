// `monopod doctor` on etcd: each finding is brought about, and its remedy carried out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <nlohmann/json.hpp>
#include <thread>

#include "monopod/lock_client.h"
#include "tests/support/etcd_server.h"
#include "tests/support/process.h"

namespace monopod::testing {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;
using Arguments = std::vector<std::string>;
using namespace std::chrono_literals;

// Longer than ten seconds by what a busy machine may add.
constexpr std::chrono::seconds kInTime(20);

class DoctorEtcdTest : public ::testing::Test {
 protected:
  Process& Start(const std::string& store, const Arguments& arguments) {
    Arguments argv = {MONOPOD_BINARY};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return processes_.emplace_back(
        argv, ProcessOptions{.environment = {{"MONOPOD_STORE", store}}, .before_exec = {}});
  }

  std::string Finish(const std::string& store, const Arguments& arguments, int code = 0) {
    Process& process = Start(store, arguments);
    EXPECT_EQ(process.Wait(), code) << arguments.front() << ": " << process.err();
    return process.out();
  }

  Process& Hold(const std::string& store, const Arguments& arguments) {
    Process& process = Start(store, arguments);
    EXPECT_TRUE(process.AwaitErr("\"event\":\"acquired\"")) << process.err();
    return process;
  }

  struct Diagnosis {
    int code = -1;
    Json json;
    Json Find(const std::string& check, const std::string& subject = "") const {
      for (const Json& finding : json["findings"]) {
        const bool there = finding["check"] == check;
        if (there && (subject.empty() || finding["subject"] == subject)) return finding;
      }
      return {};
    }
    bool Has(const std::string& check, const std::string& subject = "") const {
      return !Find(check, subject).is_null();
    }
  };
  Diagnosis Examine(const std::string& store, Arguments flags = {}) {
    flags.insert(flags.begin(), {"doctor", "-o", "json"});
    Process& process = Start(store, flags);
    Diagnosis diagnosis;
    diagnosis.code = process.Wait(kInTime);
    diagnosis.json = Json::parse(process.out(), nullptr, false);
    EXPECT_TRUE(diagnosis.json.is_object()) << process.out() << process.err();
    return diagnosis;
  }

  // Runs the last command that a remedy quotes, as somebody would who pastes it.
  void Apply(const EtcdServer& server, const Json& finding) {
    ASSERT_TRUE(finding.is_object());
    const auto remedy = finding["remedy"].get<std::string>();
    const std::size_t end = remedy.rfind('`');
    ASSERT_NE(end, std::string::npos) << remedy;
    const std::size_t begin = remedy.rfind('`', end - 1) + 1;
    Process shell(
        {"sh", "-c", "monopod() { \"$BINARY\" \"$@\"; }\n" + remedy.substr(begin, end - begin)},
        {.environment = {{"BINARY", MONOPOD_BINARY},
                         {"MONOPOD_STORE", server.Url()},
                         {"ETCDCTL_API", "3"},
                         {"ETCDCTL_ENDPOINTS", server.endpoint()}},
         .before_exec = {}});
    EXPECT_EQ(shell.Wait(), 0) << remedy << "\n" << shell.err();
  }

  std::deque<Process> processes_;
};

std::string KeysUnder(const EtcdServer& server, const std::string& prefix) {
  return Etcdctl(server.endpoint(), {"get", "--prefix", "--keys-only", prefix});
}

// What is left of the lease that the first member of a lock's queue names.
int LeaseLeft(const EtcdServer& server, const std::string& lock) {
  const std::string prefix = "monopod/locks/" + lock + "/~";
  const std::string key = KeysUnder(server, prefix);
  if (key.size() < prefix.size()) return -1;
  const std::string lease = key.substr(prefix.size(), key.find('-') - prefix.size());
  const std::string told = Etcdctl(server.endpoint(), {"lease", "timetolive", lease});
  const std::size_t at = told.find("remaining(");
  return at == std::string::npos ? -1 : std::stoi(told.substr(at + 10));
}

TEST_F(DoctorEtcdTest, NothingButTheVersionIsFoundInAHealthyCluster) {
  const EtcdServer server;
  Hold(server.Url(), {"run", "x", "--", "sleep", "1000"});
  const Diagnosis healthy = Examine(server.Url());
  for (const Json& finding : healthy.json["findings"]) EXPECT_EQ(finding["check"], "version");
  EXPECT_EQ(healthy.code, healthy.json["findings"].empty() ? 0 : 1);
  ASSERT_EQ(healthy.json["members"].size(), 1U);
  EXPECT_EQ(healthy.json["members"][0]["leader"], true);
  EXPECT_GE(healthy.json["smallest_ttl_seconds"], 2);
}

TEST_F(DoctorEtcdTest, SickLocksAreNamedAndTheirRemediesCureThem) {
  const EtcdServer server;
  const std::string url = server.Url();
  const auto etcdctl = [&](const Arguments& arguments) {
    return Etcdctl(server.endpoint(), arguments);
  };
  Process& silent = Hold(
      url, {"run", "silent", "--ttl", "9s", "--renew-every", "1s", "--attempt-timeout", "500ms",
            "--term-after", "2200ms", "--kill-after", "2500ms", "--", "sleep", "1000"});
  silent.Signal(SIGSTOP);
  Hold(url, {"run", "orphan", "--ttl", "2s", "--", "sleep", "1000"}).Signal(SIGKILL);

  Finish(url, {"acquire", "sticky", "--sticky", "--ttl", "2s"});
  std::string key = KeysUnder(server, "monopod/locks/sticky/");
  key.erase(key.find('\n'));
  Json value = Json::parse(etcdctl({"get", "--print-value-only", key}));
  value["acquired"] = "2020-01-01T00:00:00.000000Z";
  etcdctl({"put", key, value.dump()});

  etcdctl({"put", "monopod/locks/forever/it's mine", ""});
  Process waits_for_ever(
      {"etcdctl", "--endpoints=" + server.endpoint(), "lock", "monopod/locks/foreign"},
      {.environment = {{"ETCDCTL_API", "3"}}, .before_exec = {}});
  ASSERT_TRUE(waits_for_ever.AwaitOut("monopod/locks/foreign/"));
  etcdctl({"put", "monopod/tails/leftover", "1-a"});
  etcdctl({"put", "monopod/slots/newer", R"({"format":2})"});
  etcdctl({"put", "/registry/pods/default/web-0", ""});

  Finish(url, {"create", "smaller", "--slots", "2"});
  std::string handle = Finish(url, {"acquire", "smaller", "--ttl", "1m"});
  handle.erase(handle.find('\n'));
  Finish(url, {"acquire", "smaller", "--ttl", "1m"});
  Finish(url, {"resize", "smaller", "--slots", "1", "--wait", "0s"}, 75);

  ASSERT_TRUE(Eventually([&] { return KeysUnder(server, "monopod/locks/orphan/").empty(); }));
  ASSERT_TRUE(Eventually([&] { return LeaseLeft(server, "silent") <= 4; }));
  const Diagnosis sick = Examine(url);
  EXPECT_EQ(sick.code, 2);
  EXPECT_THAT(sick.Find("stuck", "silent").dump(), HasSubstr("has not renewed"));
  EXPECT_THAT(sick.Find("stuck", "orphan").dump(), HasSubstr("without a release"));
  EXPECT_EQ(sick.Find("foreign", "forever")["severity"], "critical");
  EXPECT_EQ(sick.Find("foreign", "foreign")["severity"], "warning");
  EXPECT_TRUE(sick.Has("sticky", "sticky"));
  EXPECT_TRUE(sick.Has("leftover", "leftover"));
  EXPECT_TRUE(sick.Has("resize", "smaller"));
  EXPECT_EQ(sick.Find("format", "newer")["severity"], "critical");
  EXPECT_TRUE(sick.Has("kubernetes"));

  for (const char* check : {"stuck", "foreign", "sticky", "leftover", "format"}) {
    for (const Json& finding : sick.json["findings"]) {
      if (finding["check"] == check) Apply(server, finding);
    }
  }
  Finish(url, {"release", handle});
  Apply(server, sick.Find("resize"));
  etcdctl({"del", "--prefix", "/registry/"});

  // What was broken is now waited for until its work must be over.
  const Diagnosis better = Examine(url);
  EXPECT_THAT(better.Find("stuck", "silent").dump(), HasSubstr("broken by"));
  EXPECT_THAT(better.Find("stuck", "sticky").dump(), HasSubstr("broken by"));
  Apply(server, better.Find("stuck", "silent"));
  Apply(server, better.Find("stuck", "sticky"));
  const Diagnosis cured = Examine(url);
  for (const Json& finding : cured.json["findings"]) EXPECT_EQ(finding["check"], "version");
}

TEST_F(DoctorEtcdTest, ACrowdAndAFlappingLockAreNamed) {
  const EtcdServer server;
  auto client = LockClient::Open({.store = server.Url()});
  ASSERT_TRUE(client);
  std::stop_source over;
  std::vector<std::jthread> threads;
  std::atomic<int> failures = 0;
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&] {
      auto got = client->Acquire("crowded", {.wait = {}, .cancel = over.get_token()});
      if (!got) ++failures;
      while (got && got->lock && !over.stop_requested()) std::this_thread::yield();
    });
  }
  threads.emplace_back([&] {
    while (!over.stop_requested()) {
      auto got = client->Acquire("flapping", {.cancel = over.get_token()});
      if (!got || (got->lock && !got->lock->Release())) ++failures;
    }
  });
  ASSERT_TRUE(Eventually([&] {
    const std::string keys = KeysUnder(server, "monopod/locks/crowded/");
    return std::ranges::count(keys, '~') == 12;
  }));
  const Diagnosis sick = Examine(server.Url());
  EXPECT_EQ(sick.code, 1);
  EXPECT_THAT(sick.Find("crowded", "crowded").dump(), HasSubstr("11 wait"));
  EXPECT_TRUE(sick.Has("flapping", "flapping"));
  EXPECT_FALSE(sick.Has("flapping", "crowded"));

  // More slots are for those who come then; the others must come to an end.
  Apply(server, sick.Find("crowded"));
  over.request_stop();
  threads.clear();
  EXPECT_EQ(failures, 0);
  const Diagnosis cured = Examine(server.Url());
  EXPECT_FALSE(cured.Has("crowded"));
  EXPECT_FALSE(cured.Has("flapping"));
}

TEST_F(DoctorEtcdTest, HoldersThatDieOneAfterTheOtherAreFlapping) {
  const EtcdServer server;
  std::stop_source over;
  std::jthread breaker([&] {
    while (!over.stop_requested()) {
      auto client = LockClient::Open({.store = server.Url()});
      auto got = client->AcquireHandle("dying", {.unsafe_no_recovery_delay = true}, false);
      if (!got || !got->handle) continue;
      [[maybe_unused]] const auto broken = client->Break(
          {.lock = "dying", .token = got->handle->token, .reason = "test", .slot = {}});
    }
  });
  ASSERT_TRUE(Eventually([&] { return !KeysUnder(server, "monopod/marks/dying/").empty(); }));
  const Diagnosis sick = Examine(server.Url());
  EXPECT_THAT(sick.Find("flapping", "dying").dump(), HasSubstr("they die"));
  over.request_stop();
}

TEST_F(DoctorEtcdTest, MembersThatAreDownOrSilentAreNamed) {
  EtcdCluster cluster;
  // The leader stays: an election would be one more finding.
  const std::size_t leader = cluster.Leader();
  EtcdServer& killed = cluster.member((leader + 1) % 3);
  EtcdServer& paused = cluster.member((leader + 2) % 3);
  // The cluster knows the others.
  const std::string url = cluster.member(leader).Url();
  killed.Kill();
  Diagnosis sick = Examine(url);
  EXPECT_EQ(sick.code, 1);
  EXPECT_EQ(sick.json["members"].size(), 3U);
  EXPECT_EQ(sick.Find("member", killed.endpoint())["severity"], "warning");
  EXPECT_FALSE(sick.Has("read"));

  paused.Pause();
  sick = Examine(cluster.Url());
  EXPECT_EQ(sick.code, 2);
  EXPECT_EQ(sick.Find("member", killed.endpoint())["severity"], "critical");
  EXPECT_EQ(sick.Find("member", paused.endpoint())["severity"], "critical");
  EXPECT_TRUE(sick.Has("read"));
  // The last one notices that it leads or follows nobody.
  EXPECT_TRUE(
      Eventually([&] { return Examine(url).Has("leader", cluster.member(leader).endpoint()); }));

  paused.Resume();
  killed.Start();
  EXPECT_TRUE(Eventually([&] {
    const Diagnosis cured = Examine(cluster.Url());
    return !cured.Has("member") && !cured.Has("leader") && !cured.Has("read");
  }));
}

TEST_F(DoctorEtcdTest, AnEndpointThatNeverAnswersCostsItsOwnDeadlineOnly) {
  const int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(silent, reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(silent, 16), 0);
  ASSERT_EQ(getsockname(silent, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string endpoint = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));

  const EtcdServer server;
  const Diagnosis half = Examine("etcd://" + endpoint + "," + server.endpoint());
  EXPECT_EQ(half.code, 1);
  EXPECT_EQ(half.Find("member", endpoint)["severity"], "warning");
  EXPECT_FALSE(half.Has("read"));
  const Diagnosis none = Examine("etcd://" + endpoint + ",127.0.0.1:1");
  EXPECT_EQ(none.code, 2);
  EXPECT_TRUE(none.Has("member", endpoint));
  EXPECT_TRUE(none.Has("member", "127.0.0.1:1"));
  close(silent);
}

TEST_F(DoctorEtcdTest, AFullDatabaseIsNamedAndItsRemedyCuresIt) {
  const EtcdServer server({.flags = {"--quota-backend-bytes=4194304"}});
  for (int code = 0; code == 0;) {
    Process shell({"sh", "-c",
                   "head -c 1000000 /dev/zero | tr '\\0' x | etcdctl --endpoints=" +
                       server.endpoint() + " put large"},
                  {.environment = {{"ETCDCTL_API", "3"}}, .before_exec = {}});
    code = shell.Wait();
  }
  const Diagnosis full = Examine(server.Url(), {"--quota", "4MiB"});
  EXPECT_EQ(full.code, 2);
  EXPECT_THAT(full.Find("alarm", server.endpoint()).dump(), HasSubstr("NOSPACE"));
  EXPECT_EQ(full.Find("size", server.endpoint())["severity"], "critical");

  Etcdctl(server.endpoint(), {"del", "large"});
  const std::string status = Etcdctl(server.endpoint(), {"endpoint", "status", "-w", "json"});
  const Json revision = Json::parse(status)[0]["Status"]["header"]["revision"];
  Etcdctl(server.endpoint(), {"compact", revision.dump()});
  Etcdctl(server.endpoint(), {"defrag"});
  Etcdctl(server.endpoint(), {"alarm", "disarm"});
  const Diagnosis cured = Examine(server.Url(), {"--quota", "4MiB"});
  EXPECT_FALSE(cured.Has("alarm"));
  EXPECT_FALSE(cured.Has("size"));
}

TEST_F(DoctorEtcdTest, MissingRightsAreNamedAndTheirRemedyGrantsThem) {
  const EtcdServer server;
  const auto as_root = [&](Arguments arguments) {
    arguments.insert(arguments.begin(), "--user=root:r");
    return Etcdctl(server.endpoint(), arguments);
  };
  for (const Arguments& arguments :
       {Arguments{"user", "add", "root:r"}, Arguments{"user", "grant-role", "root", "root"},
        Arguments{"user", "add", "locks:l"}, Arguments{"role", "add", "locks"},
        Arguments{"user", "grant-role", "locks", "locks"}, Arguments{"auth", "enable"}}) {
    Etcdctl(server.endpoint(), arguments);
  }
  const auto examine = [&](const std::string& user) {
    return Examine(server.Url(), {"--user", user});
  };
  const Diagnosis wrong = examine("locks:x");
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.Find("read").dump(), HasSubstr("password"));

  const Diagnosis nothing = examine("locks:l");
  EXPECT_EQ(nothing.code, 2);
  const auto remedy = nothing.Find("read")["remedy"].get<std::string>();
  EXPECT_THAT(remedy, HasSubstr("role grant-permission --prefix=true ROLE readwrite monopod/"));

  as_root({"role", "grant-permission", "--prefix=true", "locks", "read", "monopod/"});
  const Diagnosis readable = examine("locks:l");
  EXPECT_FALSE(readable.Has("read"));
  EXPECT_EQ(readable.Find("write")["severity"], "critical");

  as_root({"role", "grant-permission", "--prefix=true", "locks", "readwrite", "monopod/"});
  const Diagnosis cured = examine("locks:l");
  EXPECT_FALSE(cured.Has("write"));
}

TEST_F(DoctorEtcdTest, KeysAreListedAsTheyAre) {
  const EtcdServer server;
  Hold(server.Url(), {"run", "x", "--ttl", "1m", "--", "sleep", "1000"});
  Etcdctl(server.endpoint(), {"put", "other", std::string("a\nb") + std::string(100, 'c')});
  const auto list = [&](const Arguments& arguments) {
    Arguments all = {"doctor", "keys", "-o", "json"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return Json::parse(Finish(server.Url(), all));
  };
  const Json own = list({});
  EXPECT_EQ(own["keys"].size(), 3U);
  EXPECT_EQ(own["more"], false);
  const Json member = list({"monopod/locks/x/"})["keys"][0];
  EXPECT_THAT(member["key"].get<std::string>(), HasSubstr("monopod/locks/x/~"));
  EXPECT_GT(member["ttl_left_seconds"], 0);
  EXPECT_EQ(member["create_revision"].is_number_integer(), true);
  const Json other = list({"oth"})["keys"][0];
  EXPECT_FALSE(other.contains("lease"));
  EXPECT_EQ(other["bytes"], 103);
  EXPECT_EQ(other["value"].get<std::string>().substr(0, 4), "a.bc");
  EXPECT_EQ(list({""})["keys"].size(), 4U);
  const Json some = list({"", "--limit", "2"});
  EXPECT_EQ(some["keys"].size(), 2U);
  EXPECT_EQ(some["more"], true);
  EXPECT_THAT(Finish(server.Url(), {"doctor", "keys"}), HasSubstr("KEY"));
}

}  // namespace
}  // namespace monopod::testing
