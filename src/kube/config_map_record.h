// A lock in a ConfigMap: one object a slot, with everything in its data.
//
// `lock_holder` and `lock_timestamp` (RFC 3339, the last renewal) are what hand-written locks use,
// and public to all. Beside them stand monopod's own fields, `lock_instance`, `lock_token` and so
// on, of which `lock_written` repeats those two: if they differ, somebody else wrote since, and
// - with a name in `lock_holder`: the record is foreign, held until it is broken or silent for the
//   candidate's --foreign-ttl;
// - with a blank `lock_holder`: it is free, and what monopod's last hold may still run is owed.
// While it is free and work is owed, monopod writes "monopod-recovering" into `lock_holder`, so
// that scripts leave it alone until a next hold of monopod's has waited that work out.
//
// A ConfigMap that is neither empty, labelled as monopod's nor has a `lock_...` key is somebody's
// configuration, and refused.
#pragma once

#include "src/kube/record_codec.h"

namespace monopod::kube {

class ConfigMapCodec : public RecordCodec {
 public:
  const ResourceNames& names() const override;
  Result<protocol::Record> Decode(const Object& object) const override;
  Result<void> Encode(const protocol::Record& record, Object& object) const override;
};

}  // namespace monopod::kube
