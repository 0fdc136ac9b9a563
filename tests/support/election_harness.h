// What tests of elections have: a store whose calls are watched, and candidates on threads.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "monopod/election.h"
#include "src/election/announcement.h"
#include "src/election/election_impl.h"
#include "src/lock/client_impl.h"
#include "src/lock/record_backend.h"
#include "src/store/memory_store.h"
#include "tests/support/faulty_store.h"

namespace monopod {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline constexpr seconds kTtl(2);
inline constexpr seconds kPatience(60);

// What all candidates of a test have in common, and whoever looks at them.
struct Scene {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> log;     // "a begins", "a ends", ...
  std::vector<std::string> errors;  // that on_retry was told
  std::set<std::string> at_work;    // whose work goes on
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

// Counts a candidate's looks at who is announced. By its wall clock all that is stored is older by
// `skew`.
class WatchedStore : public testing::FaultyStore {
 public:
  WatchedStore(std::shared_ptr<protocol::RecordStore> real, Scene& scene, seconds skew)
      : FaultyStore(std::move(real)), scene_(scene), skew_(skew) {}
  Result<protocol::Snapshot> Read(const std::string& name, BootTime deadline) override {
    {
      std::unique_lock lock(scene_.mutex);
      ++calls;
      scene_.changed.notify_all();
      scene_.changed.wait_for(lock, kPatience, [&] { return !is_blocked; });
    }
    auto reply =
        IsDenied(name) ? Result<protocol::Snapshot>(Denied()) : FaultyStore::Read(name, deadline);
    if (reply && reply->exists()) reply->record.renewed -= skew_;
    if (name == "web.preferred") {
      const std::lock_guard lock(scene_.mutex);
      ++looks;
      scene_.changed.notify_all();
    }
    return reply;
  }
  Result<protocol::Written> Write(const std::string& name, const protocol::Version& expected,
                                  const protocol::Record& record, BootTime deadline) override {
    {
      const std::lock_guard lock(scene_.mutex);
      ++calls;
    }
    if (is_denied_announcing && name == "web.preferred") return Denied();
    return FaultyStore::Write(name, expected, record, deadline);
  }

  std::atomic<bool> is_denied = false;  // reads of anything
  std::atomic<bool> is_denied_looks = false;
  std::atomic<bool> is_denied_announcing = false;
  // Guarded by the scene's mutex:
  int looks = 0;
  int calls = 0;            // reads and writes
  bool is_blocked = false;  // reads wait

 private:
  bool IsDenied(const std::string& name) const {
    return is_denied || (is_denied_looks && name == "web.preferred");
  }
  static tl::unexpected<Error> Denied() { return Fail(ErrorCode::kDenied, "it is forbidden"); }

  Scene& scene_;
  const seconds skew_;
};

class Candidate {
 public:
  struct Options {
    std::string name;
    std::optional<int> priority = std::nullopt;
    std::chrono::nanoseconds ttl = kTtl;
    bool finishes = false;    // the work returns by itself
    bool is_cut_off = false;  // from the store
    bool is_blocked = false;  // its first look lasts until Unblock
    bool is_denied = false;
    bool is_denied_looks = false;
    bool is_denied_announcing = false;
    seconds skew{0};  // how much its clock is fast
  };

  Candidate(Scene& scene, std::shared_ptr<protocol::RecordStore> store, Options options)
      : scene_(scene), options_(std::move(options)) {
    faults_ = std::make_shared<WatchedStore>(std::move(store), scene_, options_.skew);
    faults_->down = options_.is_cut_off;
    faults_->is_blocked = options_.is_blocked;
    faults_->is_denied = options_.is_denied;
    faults_->is_denied_looks = options_.is_denied_looks;
    faults_->is_denied_announcing = options_.is_denied_announcing;
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
    AskToStop();
    Join();
  }
  void AskToStop() { stop_.request_stop(); }
  // It has begun so many calls to the store.
  bool AwaitCalls(int count) {
    return scene_.Await([&] { return faults_->calls >= count; });
  }
  int calls() {
    const std::lock_guard lock(scene_.mutex);
    return faults_->calls;
  }
  void Unblock() {
    const std::lock_guard lock(scene_.mutex);
    faults_->is_blocked = false;
    scene_.changed.notify_all();
  }
  void Join() {
    if (thread_.joinable()) thread_.join();
  }
  const Result<ElectionEnd>& end() const { return end_; }  // once it has joined
  void Resign() { election_->Resign(); }
  WatchedStore& faults() { return *faults_; }
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
    election.times.ttl = options_.ttl;
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
    election.on_retry = [this](const Error& error, std::chrono::nanoseconds) {
      scene_.Write(options_.name + " retries");
      const std::lock_guard lock(scene_.mutex);
      scene_.errors.push_back(error.message);
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

}  // namespace monopod
