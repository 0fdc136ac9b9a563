#include "tests/conformance/record_store_contract.h"

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "src/store/test_support.h"

namespace monopod::conformance {

using protocol::Phase;
using protocol::Record;
using protocol::RecordStore;
using protocol::Seen;
using protocol::Snapshot;
using protocol::Token;
using protocol::Version;
using protocol::Written;
using store::FullRecord;
using store::HeldBy;
using store::Soon;
using namespace std::chrono_literals;

Written RecordStoreContractTest::Put(const std::string& name, const Version& expected,
                                     const Record& record) {
  const auto written = store_->Write(name, expected, record, Soon());
  EXPECT_TRUE(written) << written.error().message;
  return written ? *written : Written{};
}

Snapshot RecordStoreContractTest::Get(const std::string& name) {
  const auto read = store_->Read(name, Soon());
  EXPECT_TRUE(read) << read.error().message;
  return read ? *read : Snapshot{};
}

void RecordStoreContractTest::ExpectRefused(ErrorCode code, const std::string& name,
                                            const Version& expected) {
  const auto written = store_->Write(name, expected, HeldBy("refused", 99), Soon());
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, code) << written.error().message;
}

namespace {

// Waits until the record is at another version than `version`; fails if none comes in time.
void AwaitOther(RecordStore& store, const std::string& name, const Version& version) {
  const BootTime deadline = Soon();
  const std::vector<Seen> seen{{.name = name, .version = version}};
  for (;;) {
    store.AwaitChange(seen, deadline, {});
    const auto read = store.Read(name, Soon());
    ASSERT_TRUE(read) << read.error().message;
    if (read->version != version) return;
    ASSERT_LT(BootClock::now(), deadline);
  }
}

TEST_P(RecordStoreContractTest, AnUnknownRecordDoesNotExist) {
  const Snapshot snapshot = Get("deploy");
  EXPECT_FALSE(snapshot.exists());
  EXPECT_GT(snapshot.next_token, 0U);
}

TEST_P(RecordStoreContractTest, EveryFieldComesBackAsItWasWritten) {
  const Record record = FullRecord();
  const Written written = Put("deploy", "", record);
  EXPECT_EQ(Get("deploy").version, written.version);
  EXPECT_EQ(Get("deploy").record, record);
  EXPECT_EQ(Open()->Read("deploy", Soon())->record, record);
}

TEST_P(RecordStoreContractTest, EveryPhaseAndKindComesBackAsItWasWritten) {
  Version version;
  for (const Phase phase : {Phase::kFree, Phase::kRecovering, Phase::kHeld, Phase::kRetired}) {
    for (const HoldKind kind : {HoldKind::kProcess, HoldKind::kDetached, HoldKind::kSticky}) {
      Record record = FullRecord();
      record.phase = phase;
      record.kind = kind;
      version = Put("deploy", version, record).version;
      EXPECT_EQ(Get("deploy").record, record);
    }
  }
}

TEST_P(RecordStoreContractTest, EmptyFieldsStayEmpty) {
  const Version full = Put("deploy", "", FullRecord()).version;
  Put("deploy", full, Record{});
  EXPECT_EQ(Get("deploy").record, Record{});
  EXPECT_TRUE(Get("deploy").exists());
}

TEST_P(RecordStoreContractTest, CreatingWhatExistsIsAConflict) {
  const Written written = Put("deploy", "", HeldBy("a", 1));
  ExpectRefused(ErrorCode::kConflict, "deploy", "");
  EXPECT_EQ(Get("deploy").version, written.version);
}

TEST_P(RecordStoreContractTest, ReplacingWhatDoesNotExistIsAConflict) {
  const Version other = Put("other", "", HeldBy("a", 1)).version;
  ExpectRefused(ErrorCode::kConflict, "deploy", other);
  EXPECT_FALSE(Get("deploy").exists());
}

TEST_P(RecordStoreContractTest, ReplacingAnEarlierVersionIsAConflict) {
  const Version first = Put("deploy", "", HeldBy("a", 1)).version;
  const Record second = HeldBy("b", 2);
  Put("deploy", first, second);
  ExpectRefused(ErrorCode::kConflict, "deploy", first);
  EXPECT_EQ(Get("deploy").record, second);
}

TEST_P(RecordStoreContractTest, AnotherUserSeesAWriteAtOnce) {
  const auto other = Open();
  Version version;
  for (Token token = 1; token <= 20; ++token) {
    version = Put("deploy", version, HeldBy("a", token)).version;
    EXPECT_EQ(other->Read("deploy", Soon())->version, version);
  }
}

TEST_P(RecordStoreContractTest, AVersionNeverReturns) {
  std::set<Version> versions;
  const Record record = HeldBy("a", 1);
  for (int round = 0; round < 5; ++round) {
    const Version first = Put("deploy", "", record).version;
    const Version second = Put("deploy", first, record).version;
    EXPECT_TRUE(versions.insert(first).second) << first;
    EXPECT_TRUE(versions.insert(second).second) << second;
    ASSERT_TRUE(store_->Remove("deploy", second, Soon()));
    ExpectRefused(ErrorCode::kConflict, "deploy", second);
  }
}

TEST_P(RecordStoreContractTest, TheNextTokenIsAboveEveryEarlierOne) {
  const Written first = Put("deploy", "", HeldBy("a", Get("deploy").next_token));
  const Token held = Get("deploy").record.token;
  EXPECT_GT(first.next_token, held);
  EXPECT_EQ(Get("deploy").next_token, first.next_token);
  // A renewal keeps the token, and does not make it rise less.
  const Written renewed = Put("deploy", first.version, HeldBy("a", held));
  EXPECT_GT(renewed.next_token, held);
  Put("deploy", renewed.version, HeldBy("b", 1'000'000));
  EXPECT_GT(Get("deploy").next_token, 1'000'000U);
}

TEST_P(RecordStoreContractTest, TokensRiseOverRemovalAndARecordMadeAnew) {
  Token highest = 0;
  for (int round = 0; round < 3; ++round) {
    const Token token = Get("deploy").next_token;
    EXPECT_GT(token, highest);
    highest = token;
    const Version version = Put("deploy", "", HeldBy("a", token)).version;
    // As a free record that somebody wrote without looking at the last hold.
    const Version blank = Put("deploy", version, Record{}).version;
    EXPECT_GT(Get("deploy").next_token, highest);
    ASSERT_TRUE(store_->Remove("deploy", blank, Soon()));
    EXPECT_FALSE(Get("deploy").exists());
  }
}

TEST_P(RecordStoreContractTest, OneRecordDoesNotTouchAnother) {
  const Record record = FullRecord();
  const Version version = Put("deploy", "", record).version;
  const Version other = Put("deploy.slot-1", "", HeldBy("b", 7)).version;
  ASSERT_TRUE(store_->Remove("deploy.slot-1", other, Soon()));
  EXPECT_EQ(Get("deploy").version, version);
  EXPECT_EQ(Get("deploy").record, record);
}

TEST_P(RecordStoreContractTest, RemovingIsConditionalToo) {
  const Version first = Put("deploy", "", HeldBy("a", 1)).version;
  const Version second = Put("deploy", first, HeldBy("b", 2)).version;
  EXPECT_EQ(store_->Remove("deploy", first, Soon()).error().code, ErrorCode::kConflict);
  EXPECT_EQ(store_->Remove("deploy", "", Soon()).error().code, ErrorCode::kConflict);
  EXPECT_EQ(Get("deploy").version, second);
  EXPECT_TRUE(store_->Remove("deploy", second, Soon()));
  EXPECT_EQ(store_->Remove("deploy", second, Soon()).error().code, ErrorCode::kConflict);
}

TEST_P(RecordStoreContractTest, AListHasEveryRecordByName) {
  EXPECT_TRUE(store_->List(Soon())->empty());
  const Record record = FullRecord();
  Put("b", "", HeldBy("b", 1));
  Put("a", "", record);
  const Version gone = Put("c", "", HeldBy("c", 1)).version;
  ASSERT_TRUE(store_->Remove("c", gone, Soon()));
  const auto list = Open()->List(Soon());
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ((*list)[0].name, "a");
  EXPECT_EQ((*list)[0].snapshot.record, record);
  EXPECT_EQ((*list)[0].snapshot.version, Get("a").version);
  EXPECT_EQ((*list)[0].snapshot.next_token, Get("a").next_token);
  EXPECT_EQ((*list)[1].name, "b");
}

TEST_P(RecordStoreContractTest, NothingHappensAfterTheDeadline) {
  const Version version = Put("deploy", "", HeldBy("a", 1)).version;
  const BootTime past = BootClock::now();
  const auto code = [](const auto& result) {
    return result ? ErrorCode::kInternal : result.error().code;
  };
  EXPECT_EQ(code(store_->Read("deploy", past)), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(code(store_->Write("deploy", version, HeldBy("b", 2), past)),
            ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(code(store_->Write("new", "", HeldBy("b", 2), past)), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(code(store_->List(past)), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(code(store_->Remove("deploy", version, past)), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(Get("deploy").version, version);
  EXPECT_FALSE(Get("new").exists());
}

TEST_P(RecordStoreContractTest, OfTwoWritersExactlyOneWins) {
  const std::shared_ptr<RecordStore> users[] = {Open(), Open()};
  Version version;
  for (Token round = 1; round <= 25; ++round) {
    std::atomic<int> wins = 0;
    const Record offers[] = {HeldBy("a", round), HeldBy("b", round)};
    {
      std::vector<std::jthread> writers;
      for (std::size_t user = 0; user < 2; ++user) {
        writers.emplace_back([&, user] {
          const auto written = users[user]->Write("deploy", version, offers[user], Soon());
          if (written) ++wins;
          EXPECT_TRUE(written || written.error().code == ErrorCode::kConflict)
              << written.error().message;
        });
      }
    }
    EXPECT_EQ(wins, 1);
    const Snapshot now = Get("deploy");
    EXPECT_NE(now.version, version);
    EXPECT_TRUE(now.record == offers[0] || now.record == offers[1]);
    version = now.version;
  }
}

TEST_P(RecordStoreContractTest, NoConcurrentUpdateIsLost) {
  constexpr Token kThreads = 4;
  constexpr Token kRounds = 15;
  Put("deploy", "", Record{});
  {
    std::vector<std::jthread> writers;
    for (Token writer = 0; writer < kThreads; ++writer) {
      writers.emplace_back([user = Open()] {
        for (Token done = 0; done < kRounds;) {
          const auto read = user->Read("deploy", Soon());
          ASSERT_TRUE(read) << read.error().message;
          const Record record = HeldBy("a", read->record.token + 1);
          const auto written = user->Write("deploy", read->version, record, Soon());
          ASSERT_TRUE(written || written.error().code == ErrorCode::kConflict)
              << written.error().message;
          if (written) ++done;
        }
      });
    }
  }
  EXPECT_EQ(Get("deploy").record.token, kThreads * kRounds);
}

TEST_P(RecordStoreContractTest, AChangeBeforeTheWaitIsNoticedAtOnce) {
  const Version version = Put("deploy", "", HeldBy("a", 1)).version;
  // These return, or the test's own deadline comes.
  for (const Seen& seen :
       {Seen{.name = "deploy", .version = ""}, Seen{.name = "deploy", .version = "never there"},
        Seen{.name = "absent", .version = version}}) {
    const std::vector<Seen> several{{.name = "deploy", .version = version}, seen};
    store_->AwaitChange(several, BootTime::max(), {});
  }
}

TEST_P(RecordStoreContractTest, AWaiterWakesOnEachKindOfChange) {
  const auto other = Open();
  Version version;
  for (int round = 0; round < 3; ++round) {
    std::jthread waiter([&, before = version] { AwaitOther(*other, "deploy", before); });
    const Version created = Put("deploy", "", HeldBy("a", 1)).version;
    waiter.join();
    waiter = std::jthread([&] { AwaitOther(*other, "deploy", created); });
    const Version replaced = Put("deploy", created, HeldBy("a", 2)).version;
    waiter.join();
    waiter = std::jthread([&] { AwaitOther(*other, "deploy", replaced); });
    EXPECT_TRUE(store_->Remove("deploy", replaced, Soon()));
    waiter.join();
  }
}

TEST_P(RecordStoreContractTest, NoWakeUpIsLostBetweenTwoUsers) {
  const auto other = Open();
  constexpr int kRounds = 25;
  // Each waits for the other's change before it makes its own.
  std::jthread partner([&] {
    Version ping;
    Version pong;
    for (int round = 0; round < kRounds; ++round) {
      AwaitOther(*other, "ping", ping);
      ping = other->Read("ping", Soon())->version;
      const auto written = other->Write("pong", pong, HeldBy("b", 1), Soon());
      ASSERT_TRUE(written) << written.error().message;
      pong = written->version;
    }
  });
  Version ping;
  Version pong;
  for (int round = 0; round < kRounds; ++round) {
    ping = Put("ping", ping, HeldBy("a", 1)).version;
    AwaitOther(*store_, "pong", pong);
    pong = Get("pong").version;
  }
}

TEST_P(RecordStoreContractTest, AWaitEndsAtItsDeadline) {
  const BootTime deadline = BootClock::now() + 20ms;
  const std::vector<Seen> seen{{.name = "absent", .version = ""}};
  while (BootClock::now() < deadline) store_->AwaitChange(seen, deadline, {});
  store_->AwaitChange(seen, BootClock::now(), {});
  store_->AwaitChange({}, BootClock::now() + 1ms, {});
}

TEST_P(RecordStoreContractTest, StopWakesAWaiter) {
  const std::vector<Seen> seen{{.name = "absent", .version = ""}};
  std::jthread waiter([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) store_->AwaitChange(seen, BootTime::max(), stop);
    store_->AwaitChange(seen, BootTime::max(), stop);
  });
  waiter.request_stop();
}

}  // namespace
}  // namespace monopod::conformance
