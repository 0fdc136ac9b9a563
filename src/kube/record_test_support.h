// What the tests of both codecs share.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "src/kube/record_codec.h"
#include "src/kube/record_fields.h"

namespace monopod::kube {

// 2026-11-21T08:00:00Z.
inline constexpr WallTime kEight{std::chrono::seconds(1'795'248'000)};

inline Object Json(const std::string& text) {
  auto object = Object::Parse(text);
  EXPECT_TRUE(object) << "no JSON: " << text;
  return object ? *object : Object();
}

// The same JSON, whatever the order of members and blanks.
inline void ExpectJson(const Object& object, const std::string& expected) {
  EXPECT_EQ(object.Dump(), Json(expected).Dump());
}

inline protocol::Record MustDecode(const RecordCodec& codec, const Object& object) {
  auto record = codec.Decode(object);
  EXPECT_TRUE(record) << record.error().message;
  return record ? *record : protocol::Record{};
}

inline Object MustWrite(const RecordCodec& codec, const protocol::Record& record,
                        const Object* base) {
  auto object = WriteObject(codec, record, {.namespace_ = "default", .name = "x"}, base);
  EXPECT_TRUE(object) << object.error().message;
  return object ? *object : Object();
}

inline Error MustRefuse(const RecordCodec& codec, const Object& object) {
  const auto record = codec.Decode(object);
  EXPECT_FALSE(record);
  return record ? Error{} : record.error();
}

// The same wherever it runs.
class RandomRecords {
 public:
  explicit RandomRecords(unsigned seed) : random_(seed) {}

  // One that could come from a machine: only a claimed one has a holder.
  protocol::Record Next() {
    protocol::Record record;
    record.phase = static_cast<protocol::Phase>(Below(4));
    const bool claimed =
        record.phase == protocol::Phase::kHeld || record.phase == protocol::Phase::kRecovering;
    if (claimed) {
      record.kind = static_cast<HoldKind>(Below(3));
      record.holder = {.name = Word(),
                       .namespace_ = Maybe(Word()),
                       .node = Maybe(Word()),
                       .instance = Word() + "i",
                       .purpose = Maybe("Größe \"" + Word() + "\"\n")};
      record.ttl = std::chrono::milliseconds(1 + Below(90'000));
      record.kill = std::chrono::milliseconds(Below(90'000));
    }
    record.token = Below(2) == 0 ? 0 : Below(1'000'000'000);
    record.stamp = Word();
    record.edit = Word();
    record.origin = Maybe(Word());
    record.owed_kill = std::chrono::milliseconds(Below(3) * Below(90'000));
    record.credit = std::chrono::milliseconds(Below(2) * Below(90'000));
    if (Below(4) != 0) record.renewed = Time();
    if (Below(4) != 0) record.acquired = Time();
    record.note = Maybe(Word());
    record.slots = static_cast<int>(Below(129));
    record.resize_to = static_cast<int>(Below(2) * Below(129));
    record.resize_id = Maybe(Word());
    return record;
  }

 private:
  std::uint64_t Below(std::uint64_t bound) { return random_() % bound; }
  std::string Word() { return fmt::format("{:x}", random_()); }
  std::string Maybe(std::string text) { return Below(3) == 0 ? std::string() : text; }
  WallTime Time() {
    return WallTime(std::chrono::microseconds(1'795'248'000'000'000 +
                                              static_cast<std::int64_t>(Below(1'000'000'000))));
  }

  std::mt19937 random_;
};

}  // namespace monopod::kube
