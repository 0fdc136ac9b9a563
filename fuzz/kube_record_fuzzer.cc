// An object of an API server, which anybody with rights there may have edited: a Lease and a
// ConfigMap. What is read as a lock can be written back, and then says the same.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "fuzz/check.h"
#include "src/base/clock.h"
#include "src/kube/config_map_record.h"
#include "src/kube/lease_record.h"
#include "src/kube/record_codec.h"

namespace monopod::kube {

using monopod::fuzz::Check;

namespace {

constexpr std::string_view kText = "not touched";

void CheckRefusal(const monopod::Error& error, const std::string& where) {
  Check(error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kUnsupported);
  Check(error.message.starts_with(where));
}

void CheckSame(const monopod::protocol::Record& one, const monopod::protocol::Record& other) {
  Check(one.phase == other.phase && one.kind == other.kind && one.foreign == other.foreign);
  Check(one.token == other.token && one.edit == other.edit && one.origin == other.origin);
  Check(one.holder == other.holder && one.ttl == other.ttl && one.kill == other.kill);
  Check(one.owed_kill == other.owed_kill && one.slots == other.slots);
  Check(one.resize_to == other.resize_to && one.resize_id == other.resize_id);
  Check(one.stamp == other.stamp);
}

void CheckCodec(const RecordCodec& codec, const Object& object) {
  const auto read = ReadObject(codec, object);
  if (!read) return CheckRefusal(read.error(), Describe(codec, object));
  const auto& record = read->snapshot.record;
  Check(read->snapshot.exists() && read->snapshot.next_token > record.token);
  Object base = object;
  base.SetText({"metadata", "labels", "somebody"}, std::string(kText));
  const ObjectName name{.namespace_ = "default", .name = "x"};
  const auto written = WriteObject(codec, record, name, &base);
  if (!written) {
    base.SetText({"metadata", "namespace"}, name.namespace_);
    base.SetText({"metadata", "name"}, name.name);
    return CheckRefusal(written.error(), Describe(codec, base));
  }
  Check(written->Text({"metadata", "labels", "somebody"}) == kText);
  const auto again = ReadObject(codec, *written);
  Check(again.has_value());
  CheckSame(again->snapshot.record, record);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto object = Object::Parse(text);
  if (!object) return 0;
  CheckCodec(LeaseCodec(), *object);
  CheckCodec(ConfigMapCodec(), *object);
  return 0;
}

}  // namespace monopod::kube
