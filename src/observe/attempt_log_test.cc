#include "src/observe/attempt_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

namespace monopod::observe {
namespace {

using testing::HasSubstr;

std::string Written(AttemptLog::Options options, const std::function<void(AttemptLog&)>& write) {
  char* data = nullptr;
  std::size_t size = 0;
  options.stream = open_memstream(&data, &size);
  {
    AttemptLog log(options);
    write(log);
  }
  std::fclose(options.stream);
  const std::unique_ptr<char, decltype(&std::free)> owned(data, &std::free);
  return {data, size};
}

Event Stale() {
  return {.kind = EventKind::kStale,
          .lock = "fw",
          .asker = {.name = "web-1", .namespace_ = "prod", .instance = "secret-a"},
          .owner = {.name = "web-0", .node = "node-7", .instance = "secret-b"},
          .owner_since = WallTime(std::chrono::seconds(1'800'000'000)),
          .owner_renewed = WallTime(std::chrono::seconds(1'800'000'004)),
          .duration = std::chrono::milliseconds(15150),
          .detail = "silent for 15.15s, its TTL is 15s"};
}

TEST(AttemptLogTest, AJsonLineSaysWhoAsksWhoOwnsSinceWhenAndWhy) {
  const std::string line =
      Written({.format = LogFormat::kJson}, [](AttemptLog& log) { log.Write(Stale()); });
  ASSERT_EQ(line.back(), '\n');
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["event"], "stale");
  EXPECT_EQ(json["lock"], "fw");
  EXPECT_EQ(json["holder"]["name"], "web-1");
  EXPECT_EQ(json["holder"]["namespace"], "prod");
  EXPECT_EQ(json["owner"]["name"], "web-0");
  EXPECT_EQ(json["owner"]["since"], "2027-01-15T08:00:00.000000Z");
  EXPECT_EQ(json["seconds"], 15.15);
  EXPECT_THAT(line, testing::Not(HasSubstr("secret")));
}

TEST(AttemptLogTest, ATextLineIsReadable) {
  const std::string line = Written({}, [](AttemptLog& log) { log.Write(Stale()); });
  EXPECT_THAT(line, HasSubstr("monopod: fw: stale: web-0 on node-7 (since 2027-01-15T08:00:00"));
  EXPECT_THAT(line, HasSubstr("silent for 15.15s, its TTL is 15s\n"));
  EXPECT_THAT(line, testing::Not(HasSubstr("\x1b")));
}

TEST(AttemptLogTest, BytesThatAreNotUtf8DoNotBreakTheJson) {
  Event event = Stale();
  event.owner.purpose = "\xff\xfe";
  const std::string line =
      Written({.format = LogFormat::kJson}, [&](AttemptLog& log) { log.Write(event); });
  EXPECT_TRUE(nlohmann::json::accept(line));
}

TEST(AttemptLogTest, TheLiveLineIsReplacedByTheNextEvent) {
  const std::string text = Written({.live = true}, [](AttemptLog& log) {
    Event event = Stale();
    event.kind = EventKind::kWaiting;
    log.Write(event);
    log.Tick();
    event.kind = EventKind::kAcquired;
    event.token = 7;
    log.Write(event);
    log.Tick();
  });
  EXPECT_THAT(text, HasSubstr("\r\x1b[Kmonopod: fw: waited 0s: held by web-0"));
  EXPECT_THAT(text, testing::EndsWith("\r\x1b[Kmonopod: fw: acquired with token 7\n"));
}

TEST(AttemptLogTest, QuietStillTellsOfALoss) {
  const std::string text = Written({.quiet = true}, [](AttemptLog& log) {
    log.Write(Stale());
    Event event = Stale();
    event.kind = EventKind::kLost;
    log.Write(event);
  });
  EXPECT_THAT(text, testing::StartsWith("monopod: fw: lost"));
}

}  // namespace
}  // namespace monopod::observe
