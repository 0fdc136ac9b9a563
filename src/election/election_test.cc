#include "monopod/election.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "src/election/announcement.h"
#include "src/election/election_impl.h"
#include "src/lock/client_impl.h"
#include "src/lock/record_backend.h"
#include "src/store/memory_store.h"
#include "tests/support/faulty_store.h"

namespace monopod {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr seconds kTtl(2);
constexpr seconds kPatience(60);

// What all candidates of a test have in common, and whoever looks at them.
struct Scene {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> log;   // "a begins", "a ends", ...
  std::set<std::string> at_work;  // whose work goes on
  bool overlapped = false;
  Token last_token = 0;
  bool token_fell = false;

  void Write(const std::string& line) {
    const std::lock_guard lock(mutex);
    log.push_back(line);
    changed.notify_all();
  }
  template <class Condition>
  bool Await(const Condition& condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, kPatience, condition);
  }
  bool AwaitWorkOf(const std::string& name) {
    return Await([&] { return at_work.contains(name); });
  }
  bool AwaitLine(const std::string& line) {
    return Await([&] { return std::find(log.begin(), log.end(), line) != log.end(); });
  }
  long Count(const std::string& line) {
    const std::lock_guard lock(mutex);
    return std::count(log.begin(), log.end(), line);
  }
};

// Counts a candidate's looks at who is announced.
class WatchedStore : public testing::FaultyStore {
 public:
  WatchedStore(std::shared_ptr<protocol::RecordStore> real, Scene& scene)
      : FaultyStore(std::move(real)), scene_(scene) {}
  Result<protocol::Snapshot> Read(const std::string& name, BootTime deadline) override {
    auto reply = FaultyStore::Read(name, deadline);
    if (name == "web.preferred") {
      const std::lock_guard lock(scene_.mutex);
      ++looks;
      scene_.changed.notify_all();
    }
    return reply;
  }
  int looks = 0;  // guarded by the scene's mutex

 private:
  Scene& scene_;
};

class Candidate {
 public:
  struct Options {
    std::string name;
    std::optional<int> priority = std::nullopt;
    bool finishes = false;    // the work returns by itself
    bool is_cut_off = false;  // from the store
  };

  Candidate(Scene& scene, std::shared_ptr<protocol::RecordStore> store, Options options)
      : scene_(scene), options_(std::move(options)) {
    faults_ = std::make_shared<WatchedStore>(std::move(store), scene_);
    faults_->down = options_.is_cut_off;
    auto made = ElectionOverClient::Make(
        [&](std::function<void(const Event&)> on_event) { return Open(std::move(on_event)); }, {},
        Election());
    EXPECT_TRUE(made.has_value()) << made.error().message;
    election_ = std::make_unique<monopod::Election>(std::move(*made));
    thread_ = std::thread([this] { end_ = election_->Run(stop_.get_token()); });
  }
  Candidate(const Candidate&) = delete;
  Candidate& operator=(const Candidate&) = delete;
  ~Candidate() { Stop(); }

  void Stop() {
    stop_.request_stop();
    Join();
  }
  void Join() {
    if (thread_.joinable()) thread_.join();
  }
  const Result<ElectionEnd>& end() const { return end_; }  // once it has joined
  void Resign() { election_->Resign(); }
  testing::Faults& faults() { return *faults_; }
  LeadershipEnd LastEnd() const { return last_end_; }
  // It has looked twice from now on: so one whole look began and ended meanwhile.
  bool AwaitLooks(int count = 2) {
    std::unique_lock lock(scene_.mutex);
    const int wanted = faults_->looks + count;
    return scene_.changed.wait_for(lock, kPatience, [&] { return faults_->looks >= wanted; });
  }

 private:
  Result<LockClient> Open(std::function<void(const Event&)> on_event) {
    return LockClientOverStore::Make({.backend = std::make_shared<lock::RecordBackend>(faults_),
                                      .url = "test:",
                                      .scope = "test"},
                                     {.holder = options_.name,
                                      .store_timeout = milliseconds(200),
                                      .on_event = std::move(on_event)});
  }

  ElectionOptions Election() {
    ElectionOptions election{.name = "web", .priority = options_.priority};
    election.times.ttl = kTtl;
    election.on_started = [this](const Leadership& leadership, const std::stop_token& over) {
      Begin(leadership);
      if (!options_.finishes) Await(over);
      last_end_ = leadership.end();
      const std::lock_guard lock(scene_.mutex);
      scene_.at_work.erase(options_.name);
      scene_.log.push_back(options_.name + " ends");
      scene_.changed.notify_all();
    };
    election.on_stopped = [this](const Leadership&) { scene_.Write(options_.name + " stopped"); };
    election.on_new_leader = [this](const ElectionOptions::Leader& leader) {
      scene_.Write(options_.name + " sees " + (leader.is_self ? "itself" : leader.holder.name));
    };
    election.on_retry = [this](const Error&, std::chrono::nanoseconds) {
      scene_.Write(options_.name + " retries");
    };
    return election;
  }

  void Begin(const Leadership& leadership) {
    const std::lock_guard lock(scene_.mutex);
    scene_.overlapped = scene_.overlapped || !scene_.at_work.empty();
    scene_.token_fell = scene_.token_fell || leadership.token() <= scene_.last_token;
    scene_.last_token = leadership.token();
    scene_.at_work.insert(options_.name);
    scene_.log.push_back(options_.name + " begins");
    scene_.changed.notify_all();
  }

  static void Await(const std::stop_token& over) {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock(mutex);
    changed.wait(lock, over, [] { return false; });
  }

  Scene& scene_;
  const Options options_;
  std::shared_ptr<WatchedStore> faults_;
  std::unique_ptr<monopod::Election> election_;
  std::stop_source stop_;
  std::atomic<LeadershipEnd> last_end_{LeadershipEnd::kNone};
  Result<ElectionEnd> end_;
  std::thread thread_;
};

class ElectionTest : public ::testing::Test {
 protected:
  ~ElectionTest() override {
    EXPECT_FALSE(scene_.overlapped) << "the work of two leaders overlapped";
    EXPECT_FALSE(scene_.token_fell);
  }

  std::unique_ptr<Candidate> Join(Candidate::Options options) {
    return std::make_unique<Candidate>(scene_, store_, std::move(options));
  }
  LockClient Client(std::string holder) {
    auto client = LockClientOverStore::Make(
        {.backend = std::make_shared<lock::RecordBackend>(store_), .url = "test:", .scope = "test"},
        {.holder = std::move(holder)});
    EXPECT_TRUE(client.has_value());
    return std::move(*client);
  }
  // Somebody called `name` is announced.
  bool AwaitAnnouncementOf(const std::string& name) {
    auto client = Client("observer");
    const BootTime give_up = BootClock::now() + kPatience;
    while (BootClock::now() < give_up) {
      const auto status = client.Status("web.preferred");
      if (status && election::FindAnnouncement(*status) && status->slot[0].holder.name == name) {
        return true;
      }
      std::this_thread::yield();
    }
    return false;
  }

  const std::shared_ptr<store::MemoryStore> store_ = std::make_shared<store::MemoryStore>();
  Scene scene_;
};

TEST_F(ElectionTest, OneOfThreeLeadsAndHandsOverWhenItIsStopped) {
  std::map<std::string, std::unique_ptr<Candidate>> candidates;
  for (const std::string name : {"a", "b", "c"}) candidates[name] = Join({.name = name});
  while (!candidates.empty()) {
    ASSERT_TRUE(scene_.Await([&] { return !scene_.at_work.empty(); }));
    std::string leader;
    {
      const std::lock_guard lock(scene_.mutex);
      leader = *scene_.at_work.begin();
    }
    candidates[leader]->Stop();
    const auto& end = candidates[leader]->end();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->last, LeadershipEnd::kStopped);
    EXPECT_FALSE(end->release_error);
    candidates.erase(leader);
  }
}

TEST_F(ElectionTest, TheWorkEndsBeforeTheCallbackAndThatBeforeTheRelease) {
  auto first = Join({.name = "first"});
  ASSERT_TRUE(scene_.AwaitWorkOf("first"));
  auto second = Join({.name = "second"});
  ASSERT_TRUE(scene_.AwaitLine("second sees first"));
  first->Stop();
  ASSERT_TRUE(scene_.AwaitWorkOf("second"));
  const std::lock_guard lock(scene_.mutex);
  EXPECT_THAT(scene_.log,
              ElementsAre("first sees itself", "first begins", "second sees first", "first ends",
                          "first stopped", "second sees itself", "second begins"));
}

TEST_F(ElectionTest, WorkThatReturnsByItselfEndsTheElection) {
  auto candidate = Join({.name = "a", .finishes = true});
  candidate->Join();
  const auto& end = candidate->end();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->last, LeadershipEnd::kFinished);
  EXPECT_EQ(scene_.Count("a begins"), 1);
}

TEST_F(ElectionTest, ALeaderWithoutItsStoreStopsBeforeAnotherBeginsAndCampaignsAgain) {
  auto first = Join({.name = "first"});
  ASSERT_TRUE(scene_.AwaitWorkOf("first"));
  first->faults().down = true;
  auto second = Join({.name = "second"});
  ASSERT_TRUE(scene_.AwaitWorkOf("second"));
  EXPECT_EQ(first->LastEnd(), LeadershipEnd::kLost);
  ASSERT_TRUE(scene_.AwaitLine("first retries"));
  first->faults().down = false;
  second->Stop();
  EXPECT_TRUE(scene_.AwaitWorkOf("first"));
}

TEST_F(ElectionTest, OneThatIsStoppedWhileItCannotReachTheStoreReturns) {
  auto candidate = Join({.name = "candidate", .is_cut_off = true});
  ASSERT_TRUE(scene_.AwaitLine("candidate retries"));
  candidate->Stop();
  const auto& end = candidate->end();
  ASSERT_TRUE(end.has_value()) << end.error().message;
  EXPECT_EQ(end->last, LeadershipEnd::kNone);
}

TEST_F(ElectionTest, WhoResignsLetsAnotherLead) {
  auto first = Join({.name = "first"});
  ASSERT_TRUE(scene_.AwaitWorkOf("first"));
  auto second = Join({.name = "second"});
  ASSERT_TRUE(scene_.AwaitLine("second sees first"));
  first->Resign();
  ASSERT_TRUE(scene_.AwaitWorkOf("second"));
  EXPECT_EQ(first->LastEnd(), LeadershipEnd::kResigned);
  ASSERT_TRUE(scene_.AwaitLine("first sees second"));
  second->Resign();
  EXPECT_TRUE(scene_.Await([&] { return scene_.at_work.contains("first"); }));
}

TEST_F(ElectionTest, WhatCannotBeMendedEndsTheElection) {
  ASSERT_TRUE(Client("admin").Create("web", 2));
  auto candidate = Join({.name = "a"});
  candidate->Join();
  const auto& end = candidate->end();
  ASSERT_FALSE(end.has_value());
  EXPECT_EQ(end.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(end.error().message, HasSubstr("slots"));
}

TEST_F(ElectionTest, APreferredCandidateReplacesTheLeader) {
  auto ordinary = Join({.name = "ordinary", .priority = 0});
  ASSERT_TRUE(scene_.AwaitWorkOf("ordinary"));
  std::vector<std::unique_ptr<Candidate>> others;
  for (int i = 0; i < 4; ++i) {
    others.push_back(Join({.name = "other" + std::to_string(i), .priority = 0}));
  }
  auto preferred = Join({.name = "preferred", .priority = 10});
  ASSERT_TRUE(scene_.AwaitWorkOf("preferred"));
  EXPECT_EQ(ordinary->LastEnd(), LeadershipEnd::kPreferred);

  // Back again.
  preferred->Stop();
  EXPECT_TRUE(scene_.Await([&] { return !scene_.at_work.empty(); }));
}

TEST_F(ElectionTest, AfterTheLeaderThePreferredCandidateLeads) {
  auto leader = Join({.name = "leader", .priority = 10});
  ASSERT_TRUE(scene_.AwaitWorkOf("leader"));
  std::vector<std::unique_ptr<Candidate>> others;
  for (int i = 0; i < 4; ++i) {
    others.push_back(Join({.name = "other" + std::to_string(i), .priority = 0}));
  }
  auto second = Join({.name = "second", .priority = 5});
  ASSERT_TRUE(AwaitAnnouncementOf("second"));
  for (const auto& other : others) ASSERT_TRUE(other->AwaitLooks());
  leader->Stop();
  ASSERT_TRUE(scene_.AwaitWorkOf("second"));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(scene_.Count("other" + std::to_string(i) + " begins"), 0);
}

TEST_F(ElectionTest, TheMostPreferredOneWinsInTheEnd) {
  std::vector<std::unique_ptr<Candidate>> candidates;
  for (const int priority : {1, 3, 2}) {
    candidates.push_back(Join({.name = "p" + std::to_string(priority), .priority = priority}));
  }
  EXPECT_TRUE(scene_.AwaitWorkOf("p3"));
}

TEST_F(ElectionTest, EqualsLeaveEachOtherAlone) {
  auto first = Join({.name = "first", .priority = 5});
  ASSERT_TRUE(scene_.AwaitWorkOf("first"));
  auto second = Join({.name = "second", .priority = 5});
  ASSERT_TRUE(scene_.AwaitLine("second sees first"));
  ASSERT_TRUE(AwaitAnnouncementOf("second"));
  ASSERT_TRUE(first->AwaitLooks(5)) << "two are enough to step down";
  EXPECT_EQ(scene_.Count("second begins"), 0);
  EXPECT_EQ(first->LastEnd(), LeadershipEnd::kNone);
}

TEST_F(ElectionTest, OneThatDiedWhileItWaitedKeepsNobodyOut) {
  auto leader = Join({.name = "leader", .priority = 10});
  ASSERT_TRUE(scene_.AwaitWorkOf("leader"));
  auto dead = Join({.name = "dead", .priority = 5});
  auto other = Join({.name = "other", .priority = 0});
  ASSERT_TRUE(AwaitAnnouncementOf("dead"));
  ASSERT_TRUE(other->AwaitLooks());
  dead->faults().down = true;
  leader->Stop();
  EXPECT_TRUE(scene_.AwaitWorkOf("other"));
}

TEST_F(ElectionTest, OneThatIsPreferredButTakesNothingIsDisregarded) {
  auto leader = Join({.name = "leader", .priority = 0});
  ASSERT_TRUE(scene_.AwaitWorkOf("leader"));
  auto client = Client("idle");
  AcquireOptions options{.purpose = "candidate with priority 9"};
  options.times.ttl = kTtl;
  const auto announced = client.Acquire("web.preferred", options);
  ASSERT_TRUE(announced.has_value() && announced->lock);
  ASSERT_TRUE(scene_.AwaitLine("leader ends"));
  EXPECT_EQ(leader->LastEnd(), LeadershipEnd::kPreferred);
  ASSERT_TRUE(scene_.AwaitWorkOf("leader")) << "again";
  ASSERT_TRUE(leader->AwaitLooks(5));
  EXPECT_EQ(scene_.Count("leader ends"), 1) << "and for good";
}

TEST(ElectionOptionsTest, WhatIsNotAllowedIsRefusedBeforeAnyCall) {
  const auto refused = [](ElectionOptions options) {
    if (!options.on_started) options.on_started = [](const Leadership&, const std::stop_token&) {};
    const auto election = Election::Open({.store = "memory:"}, std::move(options));
    return !election && election.error().code == ErrorCode::kInvalidArgument;
  };
  EXPECT_FALSE(refused({.name = "web"}));
  EXPECT_TRUE(refused({.name = "Not A Name"}));
  EXPECT_TRUE(refused({.name = "web.preferred"}));
  EXPECT_TRUE(refused({.name = "web", .priority = -1}));
  EXPECT_TRUE(refused({.name = "web", .priority = 1'000'001}));
  EXPECT_TRUE(refused({.name = "web", .times = {.ttl = seconds(1)}}));
  EXPECT_FALSE(Election::Open({.store = "memory:"}, {.name = "web"}).has_value());
}

}  // namespace
}  // namespace monopod
