// A record as texts by name, the way both kinds of objects keep it: a ConfigMap under `lock_...` in
// its data, a Lease under `monopod.dev/...` in its annotations. Empty fields are left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monopod/result.h"
#include "src/kube/object.h"
#include "src/protocol/record.h"

namespace monopod::kube {

struct FieldStyle {
  std::string_view prefix;  // "lock_"
  char separator;           // between the words of a name
  std::string_view place;   // "data.", for messages

  // The name of a field, for example of "kill_ms".
  std::string Name(std::string_view words) const;
};

// Every field of `record` but `foreign`. `before` are the fields that it takes the place of; they
// are counted, so that no write leaves an object as it was, and with its version.
Fields ToFields(const protocol::Record& record, const FieldStyle& style, const Fields& before);

// The names of all fields that ToFields may give.
std::vector<std::string> KnownFields(const FieldStyle& style);

// A field's text, or empty.
std::string TextOf(const Fields& fields, std::string_view name);

// Whether a format is there, so that FromFields makes sense.
bool HasRecord(const Fields& fields, const FieldStyle& style);

// The inverse. kUnsupported: a newer format. kInvalidArgument: somebody edited it into nonsense;
// the message names the object, which is called `where`, and the field.
Result<protocol::Record> FromFields(const Fields& fields, const FieldStyle& style,
                                    const std::string& where);

// What belongs to the lock rather than to its present hold: origin, edit, slots. It stays true when
// somebody who does not know monopod holds.
void CopyLockFields(const protocol::Record& from, protocol::Record& to);

// The token by which a hold of somebody else is known, after `before`, monopod's last: one more, so
// that who means the one does not hit the other.
protocol::Token ForeignToken(const protocol::Record& before);

// The fields of an object that something else holds: what `before` says of the last own hold, and
// beside it what belongs to the lock in `record`. Fails as FromFields does.
Result<Fields> FieldsBeside(const protocol::Record& record, const FieldStyle& style,
                            const Fields& before, const std::string& where);

// Whether nobody holds it, and earlier work may still run.
bool IsOwed(const protocol::Record& record);

// Stands in the place of the holder's name meanwhile, so that nobody who does not know monopod
// takes it for free.
inline constexpr std::string_view kOwedHolder = "monopod-recovering";

// Whether it is held by name but no instance is recorded: something that is not monopod holds.
bool IsForeign(const protocol::Record& record);

}  // namespace monopod::kube
