#include "src/kube/record_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "src/base/lock_name.h"

namespace monopod::kube {

using protocol::Listed;
using protocol::Record;
using protocol::Token;

namespace {

constexpr std::size_t kMaxLabelValue = 63;

// FNV-1a: spreads names, and is the same in every build.
std::uint64_t Hash(std::string_view text) {
  std::uint64_t hash = 14'695'981'039'346'656'037U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211U;
  return hash;
}

}  // namespace

Result<Listed> ReadObject(const RecordCodec& codec, const Object& object) {
  const std::string version = object.Text({"metadata", "resourceVersion"});
  const auto number = ParseResourceVersion(version);
  if (!number) {
    return Fail(
        ErrorCode::kUnsupported,
        fmt::format("{} has the resourceVersion \"{}\", and this monopod knows numbers only",
                    Describe(codec, object), version));
  }
  auto record = codec.Decode(object);
  if (!record) return Fail(std::move(record.error()));
  const Token next = std::max(*number, record->token + 1);
  return Listed{.name = object.Text({"metadata", "name"}),
                .snapshot = {.version = version, .record = *std::move(record), .next_token = next}};
}

Result<Object> WriteObject(const RecordCodec& codec, const Record& record, const ObjectName& name,
                           const Object* base) {
  const ResourceNames& names = codec.names();
  Object object = base == nullptr ? Object() : *base;
  object.SetText({"apiVersion"}, names.group.empty()
                                     ? std::string(names.version)
                                     : fmt::format("{}/{}", names.group, names.version));
  object.SetText({"kind"}, std::string(names.kind));
  object.SetText({"metadata", "name"}, name.name);
  object.SetText({"metadata", "namespace"}, name.namespace_);
  // A tool that made the object keeps its mark on it.
  if (!object.Has({"metadata", "labels", kManagedByLabel})) {
    object.SetText({"metadata", "labels", kManagedByLabel}, "monopod");
  }
  object.SetText({"metadata", "labels", kLockLabel},
                 LockLabelValue(ParseSlotRecordName(name.name).lock));
  if (auto encoded = codec.Encode(record, object); !encoded)
    return Fail(std::move(encoded.error()));
  return object;
}

std::string LockLabelValue(std::string_view lock) {
  if (lock.size() <= kMaxLabelValue) return std::string(lock);
  return fmt::format("{}-{:016x}", lock.substr(0, kMaxLabelValue - 17), Hash(lock));
}

std::string Describe(const RecordCodec& codec, const Object& object) {
  return fmt::format("the {} {}/{}", codec.names().kind, object.Text({"metadata", "namespace"}),
                     object.Text({"metadata", "name"}));
}

std::optional<Token> ParseResourceVersion(std::string_view text) {
  Token number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
  return whole && number > 0 ? std::optional(number) : std::nullopt;
}

}  // namespace monopod::kube
