// All that stands under a lock's keys in etcd, which anybody with rights there may write. A line is
// a key and its value: the first character says which key.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "fuzz/check.h"
#include "fuzz/pieces.h"
#include "src/etcd/lock_changes.h"
#include "src/etcd/lock_keys.h"
#include "src/etcd/lock_picture.h"
#include "src/etcd/lock_values.h"

namespace monopod::etcd {

using monopod::fuzz::Check;

namespace {

constexpr int kMostSteps = 8;

// What is read, means the same when written and read again.
template <class Value>
void CheckRoundTrip(Result<Value> (*decode)(const KeyValue&), const KeyValue& at) {
  const Result<Value> value = decode(at);
  if (!value) {
    Check(value.error().code == monopod::ErrorCode::kUnsupported);
    Check(value.error().message.find(at.key) != std::string::npos);
    return;
  }
  KeyValue written = at;
  written.value = Encode(*value);
  const Result<Value> again = decode(written);
  Check(again.has_value());
  // Texts that are no UTF-8, and fractions of a time, are written in another way, but only once.
  Check(Encode(*again) == written.value);
}

LockContents Read(const LockKeys& keys, std::string_view text) {
  LockContents contents;
  Revision revision = 1;
  monopod::fuzz::ForEachPiece(text, "\n", [&](std::string_view line) {
    if (line.empty()) return;
    const char kind = line.front();
    line.remove_prefix(1);
    const std::size_t blank = line.find(' ');
    const std::string id(line.substr(0, blank));
    const std::string value(blank == std::string_view::npos ? "" : line.substr(blank + 1));
    const auto entry = [&](std::string key) {
      ++revision;
      return KeyValue{.key = std::move(key),
                      .value = value,
                      .create_revision = revision,
                      .mod_revision = revision};
    };
    switch (kind) {
      case 'm': contents.members.push_back(entry(keys.Member(id))); break;
      case 'f': contents.members.push_back(entry(keys.Foreign().begin + id)); break;
      case 'k': contents.markers.push_back(entry(keys.Marker(id))); break;
      case 't': contents.tail = entry(keys.Tail()); break;
      default: contents.slots = entry(keys.Slots()); break;
    }
  });
  return contents;
}

void CheckValues(const LockContents& contents) {
  for (const KeyValue& member : contents.members) CheckRoundTrip(DecodeMember, member);
  for (const KeyValue& marker : contents.markers) CheckRoundTrip(DecodeMarker, marker);
  if (contents.slots) CheckRoundTrip(DecodeSlots, *contents.slots);
}

void CheckPicture(const LockPicture& picture, std::size_t keys) {
  const auto holders = picture.Holders();
  Check(picture.claims.size() <= keys && holders.size() <= picture.claims.size());
  const int waiting = picture.Waiting();
  Check(waiting >= 0 && static_cast<std::size_t>(waiting) + holders.size() <= keys);
  // Who fits into few slots fits into more.
  for (int slots = 1; slots < 4; ++slots) Check(!picture.Fits(slots) || picture.Fits(slots + 1));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto parsed = ParseLockKey("monopod/", text)) Check(parsed->lock.size() < size);
  const LockKeys keys("monopod/", "x");
  const LockContents contents = Read(keys, text);
  CheckValues(contents);
  const auto picture = DrawLock("x", keys, contents);
  Resizing resizing(keys, 2);
  BootTime now{};
  for (int i = 0; i < kMostSteps; ++i) {
    const auto step = resizing.Next(contents, now);
    // An empty lock is told before anything is read.
    Check(step.has_value() == picture.has_value());
    if (!step || step->kind != Resizing::Step::Kind::kWrite) break;
    resizing.OnWritten(true);
    now += std::chrono::hours(24);
  }
  if (!picture) return 0;
  CheckPicture(*picture, contents.members.size() + contents.markers.size());
  for (const Claimed* holder : picture->Holders()) {
    Check(!BreakTransaction(keys, *holder, "note").then.empty());
  }
  return 0;
}

}  // namespace monopod::etcd
