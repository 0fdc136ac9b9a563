// Exchanges recorded from kube-apiserver 1.36 (kube-apiserver-1.36.jsonl), sent to the test server
// in their order; it must answer the same. Compared are the status, the headers Content-Type and
// Warning, and the whole body, each event of a watch included, but for this:
//   uid                  each recorded one stands for one of ours, everywhere
//   resourceVersion      as well, and ours rise as the recorded ones do
//   times of the server  (creationTimestamp, time of managedFields): just there
//   generated names      begin the same
//   continue             means the same
// Where an exchange needs something that its request does not show, Preparations() has it.
#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kube_server/http_client.h"
#include "tests/support/kube_server_base64.h"

namespace monopod::testing {
namespace {

using Json = nlohmann::json;

constexpr char kConfigMaps[] = "/api/v1/namespaces/default/configmaps";
constexpr char kLeases[] = "/apis/coordination.k8s.io/v1/namespaces/default/leases";

std::vector<Json> Exchanges() {
  std::ifstream file(MONOPOD_SOURCE_DIR "/tests/kube_server/kube-apiserver-1.36.jsonl");
  std::vector<Json> exchanges;
  for (std::string line; std::getline(file, line);) exchanges.push_back(Json::parse(line));
  return exchanges;
}

// What stands for what.
class Names {
 public:
  void BindVersion(const std::string& recorded, const std::string& ours) {
    const auto [bound, fresh] = versions_.emplace(std::stoll(recorded), std::stoll(ours));
    EXPECT_EQ(bound->second, std::stoll(ours)) << "another version for " << recorded;
    if (!fresh) return;
    if (bound != versions_.begin()) {
      EXPECT_GT(bound->second, std::prev(bound)->second) << "for " << recorded;
    }
    if (std::next(bound) != versions_.end()) {
      EXPECT_LT(bound->second, std::next(bound)->second) << "for " << recorded;
    }
  }

  void BindUid(const std::string& recorded, const std::string& ours) {
    EXPECT_EQ(uids_.emplace(recorded, ours).first->second, ours) << "another uid for " << recorded;
  }

  // A recorded text, with our names in it.
  std::string Ours(std::string text) const {
    for (const auto& [recorded, ours] : uids_) Replace(recorded, ours, &text);
    for (const auto& [recorded, ours] : versions_) {
      if (recorded < 10'000) continue;  // no text would be safe from it
      Replace(std::to_string(recorded), std::to_string(ours), &text);
    }
    return text;
  }

 private:
  static void Replace(const std::string& from, const std::string& to, std::string* text) {
    for (std::size_t at = text->find(from); at != std::string::npos;
         at = text->find(from, at + to.size())) {
      text->replace(at, from.size(), to);
    }
  }

  std::map<long long, long long> versions_;
  std::map<std::string, std::string> uids_;
};

// The versions in it are those of the server then, and bound to nothing else.
std::string WithoutNumbers(const std::string& text) {
  return std::regex_replace(text, std::regex("[0-9]+"), "N");
}

class ReplayTest : public ::testing::Test {
 protected:
  struct Preparation {
    std::string what;
    std::function<void()> before = [] {};
    std::function<void()> during = [] {};  // of a watch, when it has begun
    std::function<void(HttpMessage*)> request = [](HttpMessage*) {};
    bool other_numbers = false;  // in the message
  };

  ReplayTest() : server_({.cache_patience = std::chrono::milliseconds(100)}) {
    for (const Json& exchange : Exchanges()) {
      if (exchange["case"] != "watch-without-version-sends-current-state-first" &&
          exchange["case"] != "lease-list") {
        continue;
      }
      AddBenchmarks(exchange["response"]);
    }
    std::sort(benchmarks_.begin(), benchmarks_.end(),
              [](const Json& one, const Json& other) { return Version(one) < Version(other); });
    HttpClient benchmark(server_,
                         {.token = server_.token(), .user_agent = "kbench/1", .certificate = {}});
    for (const Json& object : benchmarks_) {
      const Json wanted = {{"metadata", {{"name", object["metadata"]["name"]}}},
                           {object.contains("spec") ? "spec" : "data",
                            object.contains("spec") ? object["spec"] : object["data"]}};
      EXPECT_EQ(benchmark.Post(object.contains("spec") ? kLeases : kConfigMaps, wanted).status,
                201);
    }
  }

  std::map<std::string, Preparation> Preparations() {
    std::map<std::string, Preparation> all;
    all["unauthenticated-wrong-token"] = {.what = "the token is not in the record",
                                          .request = [](HttpMessage* message) {
                                            message->headers["Authorization"] = "Bearer wrong";
                                          }};
    all["anonymous-forbidden"] = {
        .what = "there was no token",
        .request = [](HttpMessage* message) { message->headers["Authorization"] = ""; }};
    all["configmap-too-large"] = {
        .what = "the record describes the body", .request = [](HttpMessage* message) {
          message->body = Json{{"metadata", {{"name", "lock-big"}}},
                               {"data", {{"a", std::string(1'048'577, 'a')}}}}
                              .dump();
        }};
    all["watch-one-configmap-by-name"] = {
        .what = "while it was watched, it was created, changed and deleted", .during = [this] {
          const Json labels = {{"app.kubernetes.io/managed-by", "monopod"}};
          Json object = {{"metadata", {{"name", "lock-a"}, {"labels", labels}}},
                         {"data", {{"lock_holder", "a"}}}};
          const std::string path = std::string(kConfigMaps) + "/lock-a";
          EXPECT_EQ(other_.Post(kConfigMaps, object).status, 201);
          object["data"]["lock_holder"] = "b";
          EXPECT_EQ(other_.Put(path, object).status, 200);
          EXPECT_EQ(other_.Delete(path).status, 200);
        }};
    all["watch-lease"] = {.what = "while it was watched, it was deleted", .during = [this] {
                            EXPECT_EQ(other_.Delete(std::string(kLeases) + "/lock-a").status, 200);
                          }};
    all["watch-too-old-version"] = {.what = "history had been compacted",
                                    .before = [this] { server_.Compact(); },
                                    .other_numbers = true};
    all["list-exact-version-compacted"] = {.what = "history had been compacted",
                                           .before = [this] { server_.Compact(); }};
    all["watch-server-behind"] = {.what = "the watch cache lagged behind the store",
                                  .before =
                                      [this] {
                                        server_.PauseWatchCache();
                                        server_.Patch(
                                            std::string(kLeases) + "/elect-bench",
                                            {{"metadata", {{"annotations", {{"a", "b"}}}}}});
                                      },
                                  .other_numbers = true};
    return all;
  }

  void Replay(const Json& exchange, const Preparation& preparation) {
    const Json& recorded = exchange["response"];
    HttpMessage message{.method = exchange["request"]["method"],
                        .target = names_.Ours(exchange["request"]["path"])};
    const Json headers = exchange["request"].value("headers", Json::object());
    for (const auto& [name, value] : headers.items()) {
      message.headers[name] = value;
    }
    const Json body = exchange["request"].value("body", Json());
    if (!body.is_null()) {
      message.body = body.is_string() ? body.get<std::string>() : names_.Ours(body.dump());
    }
    preparation.before();
    preparation.request(&message);

    const bool watch = recorded.contains("lines");
    const HttpReply reply = watch ? client_.Open(message) : client_.Send(message);
    ASSERT_EQ(reply.status, recorded["status"]);
    for (const char* header : {"Content-Type", "Warning", "Transfer-Encoding"}) {
      if (!recorded["headers"].contains(header)) continue;
      ASSERT_EQ(reply.headers.count(header), 1U) << header;
      EXPECT_EQ(reply.headers.at(header), recorded["headers"][header].get<std::string>()) << header;
    }
    if (!watch) return Compare(recorded["body"], reply.Json(), "", preparation);
    preparation.during();
    for (const Json& line : recorded["lines"]) {
      const auto ours = client_.Next();
      ASSERT_TRUE(ours.has_value()) << "no " << line;
      Compare(line, *ours, "", preparation);
    }
    EXPECT_EQ(client_.Next(), std::nullopt);
    EXPECT_TRUE(client_.ended());
  }

  KubeServer server_;
  HttpClient client_{server_};
  HttpClient other_{server_};

 private:
  static long long Version(const Json& object) {
    return std::stoll(object["metadata"]["resourceVersion"].get<std::string>());
  }

  // What a benchmark had left there.
  void AddBenchmarks(const Json& response) {
    std::vector<Json> objects;
    if (response.contains("lines")) {
      for (const Json& line : response["lines"]) objects.push_back(line["object"]);
    } else {
      objects = response["body"]["items"].get<std::vector<Json>>();
    }
    for (const Json& object : objects) {
      const Json managers = object["metadata"].value("managedFields", Json::array());
      if (!managers.empty() && managers[0]["manager"] == "kbench") benchmarks_.push_back(object);
    }
  }

  void Compare(const Json& recorded, const Json& ours, const std::string& field,
               const Preparation& preparation) {
    const ::testing::ScopedTrace trace(__FILE__, __LINE__, field);
    ASSERT_EQ(recorded.type_name(), std::string(ours.type_name())) << ours;
    if (recorded.is_object()) {
      for (const auto& [name, value] : recorded.items()) {
        ASSERT_TRUE(ours.contains(name)) << name << " in " << ours;
        Compare(value, ours[name], name, preparation);
      }
      for (const auto& [name, value] : ours.items()) {
        EXPECT_TRUE(recorded.contains(name)) << name << ": " << value << " was not recorded";
      }
    } else if (recorded.is_array()) {
      ASSERT_EQ(recorded.size(), ours.size()) << ours;
      for (std::size_t i = 0; i < recorded.size(); ++i) {
        Compare(recorded[i], ours[i], field, preparation);
      }
    } else if (recorded.is_string()) {
      CompareText(recorded, ours, field, preparation);
    } else {
      EXPECT_EQ(recorded, ours);
    }
  }

  void CompareText(const std::string& recorded, const std::string& ours, const std::string& field,
                   const Preparation& preparation) {
    static const std::regex kTime("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z");
    if (field == "resourceVersion") {
      names_.BindVersion(recorded, ours);
    } else if (field == "uid") {
      EXPECT_EQ(ours.size(), recorded.size());
      names_.BindUid(recorded, ours);
    } else if (field == "creationTimestamp" || field == "time") {
      EXPECT_TRUE(std::regex_match(ours, kTime)) << ours;
    } else if (field == "name" && recorded == "lock-a-cd55k") {
      EXPECT_THAT(ours, ::testing::MatchesRegex("lock-a-[a-z0-9]{5}"));
    } else if (field == "continue") {
      Json meant = Json::parse(kube_server::FromUrlBase64(recorded));
      Json said = Json::parse(kube_server::FromUrlBase64(ours));
      names_.BindVersion(meant["rv"].dump(), said["rv"].dump());
      meant.erase("rv");
      said.erase("rv");
      EXPECT_EQ(said, meant);
    } else if (field == "message" && preparation.other_numbers) {
      EXPECT_EQ(WithoutNumbers(ours), WithoutNumbers(recorded));
    } else {
      EXPECT_EQ(ours, names_.Ours(recorded));
    }
  }

  Names names_;
  std::vector<Json> benchmarks_;
};

TEST_F(ReplayTest, AnswersAsARealServerDid) {
  const auto preparations = Preparations();
  std::set<std::string> replayed;
  for (const Json& exchange : Exchanges()) {
    const std::string name = exchange["case"];
    SCOPED_TRACE(name);
    const auto preparation = preparations.find(name);
    Replay(exchange, preparation == preparations.end() ? Preparation() : preparation->second);
    EXPECT_TRUE(replayed.insert(name).second) << "a name of its own for each";
    if (HasFatalFailure()) return;
  }
  EXPECT_EQ(replayed.size(), 55U);
  for (const auto& [name, preparation] : preparations) {
    EXPECT_EQ(replayed.count(name), 1U) << name << " is prepared, but not recorded";
  }
}

}  // namespace
}  // namespace monopod::testing
