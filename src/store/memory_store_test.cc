#include "src/store/memory_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "src/store/test_support.h"

namespace monopod::store {
namespace {

using protocol::Record;
using namespace std::chrono_literals;

TEST(MemoryStoreTest, KnownSilenceCountsFromTheLastChangeOfTheStamp) {
  BootTime now{1h};
  MemoryStore store({.now = [&] { return now; }});
  Record record = HeldBy("a", 1);
  auto written = store.Write("deploy", "", record, now + 1s);
  ASSERT_TRUE(written);
  now += 5s;
  EXPECT_EQ(store.Read("deploy", now + 1s)->known_silence, 5s);

  record.credit = 5s;
  written = store.Write("deploy", written->version, record, now + 1s);
  ASSERT_TRUE(written);
  now += 1s;
  EXPECT_EQ(store.Read("deploy", now + 1s)->known_silence, 6s);

  record.stamp = "another";
  ASSERT_TRUE(store.Write("deploy", written->version, record, now + 1s));
  EXPECT_EQ(store.Read("deploy", now + 1s)->known_silence, 0s);
}

TEST(MemoryStoreTest, ARecordThatWasMadeAnewIsNotSilent) {
  BootTime now{1h};
  MemoryStore store({.now = [&] { return now; }});
  const Record record = HeldBy("a", 1);
  const auto written = store.Write("deploy", "", record, now + 1s);
  ASSERT_TRUE(written);
  ASSERT_TRUE(store.Remove("deploy", written->version, now + 1s));
  now += 5s;
  ASSERT_TRUE(store.Write("deploy", "", record, now + 1s));
  EXPECT_EQ(store.Read("deploy", now + 1s)->known_silence, 0s);
}

TEST(MemoryStoreTest, NothingIsKnownWithoutASharedClock) {
  BootTime now{1h};
  MemoryStore store({.shared_clock = false, .now = [&] { return now; }});
  ASSERT_TRUE(store.Write("deploy", "", HeldBy("a", 1), now + 1s));
  now += 5s;
  EXPECT_EQ(store.Read("deploy", now + 1s)->known_silence, 0s);
}

TEST(MemoryStoreTest, DeadlinesAreByTheGivenClock) {
  BootTime now{1h};
  MemoryStore store({.now = [&] { return now; }});
  EXPECT_TRUE(store.Read("deploy", now + 1ns));
  EXPECT_EQ(store.Read("deploy", now).error().code, ErrorCode::kDeadlineExceeded);
}

TEST(MemoryStoreTest, AWaitNoticesASimulatedDeadline) {
  std::atomic<BootTime> now{BootTime{1h}};
  MemoryStore store({.now = [&] { return now.load(); }});
  std::jthread waiter([&] { store.AwaitChange({}, BootTime{2h}, {}); });
  now = BootTime{2h};
  waiter.join();
}

TEST(MemoryStoreTest, AHolderWithoutAnInstanceIsForeign) {
  MemoryStore store;
  ASSERT_TRUE(store.Write("by-hand", "", HeldBy("", 1), Soon()));
  Record own = HeldBy("a", 1);
  own.foreign = true;
  ASSERT_TRUE(store.Write("own", "", own, Soon()));
  EXPECT_TRUE(store.Read("by-hand", Soon())->record.foreign);
  EXPECT_FALSE(store.Read("own", Soon())->record.foreign);
}

}  // namespace
}  // namespace monopod::store
