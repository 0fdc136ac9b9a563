// How one kind of object keeps a record. Two kinds: ConfigMapCodec and LeaseCodec.
//
// A codec is pure: it changes only the fields that are the record's, and keeps everything else that
// stands in an object, so that labels, annotations and fields of others survive.
//
// Somebody who does not know monopod may write the object, too. What such a writer says, in the
// fields that are public to all, outweighs what monopod left there before.
//
// Threads: all calls may be made concurrently.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "monopod/result.h"
#include "src/kube/object.h"
#include "src/protocol/record_store.h"

namespace monopod::kube {

// The words of Kubernetes for a kind.
struct ResourceNames {
  std::string_view group;    // "coordination.k8s.io", or empty
  std::string_view version;  // "v1"
  std::string_view kind;     // "Lease"
  std::string_view plural;   // "leases"
};

class RecordCodec {
 public:
  virtual ~RecordCodec() = default;

  virtual const ResourceNames& names() const = 0;

  // kUnsupported: a newer format. kInvalidArgument: the object is no lock, or was edited into
  // nonsense; the message names it and the field.
  virtual Result<protocol::Record> Decode(const Object& object) const = 0;

  // Writes the record into `object`, which is as it was read, or new. kInvalidArgument: the object
  // cannot keep it.
  virtual Result<void> Encode(const protocol::Record& record, Object& object) const = 0;
};

inline constexpr std::string_view kManagedByLabel = "app.kubernetes.io/managed-by";
inline constexpr std::string_view kLockLabel = "monopod.dev/lock";

// An object's name and what it holds. The token of a claim on it is above its record's and at least
// its resourceVersion. Fails as Decode does.
Result<protocol::Listed> ReadObject(const RecordCodec& codec, const Object& object);

struct ObjectName {
  std::string namespace_;
  std::string name;
};
// The object with the record in it: `base`, or a new one.
Result<Object> WriteObject(const RecordCodec& codec, const protocol::Record& record,
                           const ObjectName& name, const Object* base);

// The value of kLockLabel on the objects of a lock's slots: the lock's name where it is short
// enough for a label, else its beginning and a hash.
std::string LockLabelValue(std::string_view lock);

// "the Lease default/x".
std::string Describe(const RecordCodec& codec, const Object& object);

// A resourceVersion as a number; nothing if it is none.
std::optional<protocol::Token> ParseResourceVersion(std::string_view text);

}  // namespace monopod::kube
