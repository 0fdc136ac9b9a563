// A lock in a Lease: one object a slot. The spec is what any elector of client-go reads and writes,
// so that it and monopod exclude each other on one Lease; the rest stands in annotations
// `monopod.dev/...`.
//
// The annotations count only while they belong to what the spec says: their copy of
// leaseTransitions is the spec's, holderIdentity is that of their holder, and if it is blank, their
// copy of renewTime is the spec's, too (this is the mark of a clean release, since every elector
// writes another time). If they do not count,
// - a name in holderIdentity is a foreign hold, with the TTL leaseDurationSeconds;
// - a blank one is a foreign hold without a name, since a paused elector of client-go can blank a
//   hold that is not its own. Its TTL is the longest of leaseDurationSeconds and of the TTL in the
//   annotations, and the machine knows to look at more (docs/PROTOCOL.md);
// - a Lease that nobody ever held is free.
//
// holderIdentity is the holder's name and instance. While nobody holds and earlier work may still
// run, "monopod-recovering" and the stamp stand there, with the time that this work may need as
// leaseDurationSeconds, so that electors wait as long as monopod does. renewTime advances by at
// least a whole second with each stamp, since client-go compares no more than whole seconds.
//
// Leases with `strategy` or `preferredHolder` (coordinated leader election) are refused.
#pragma once

#include "src/kube/record_codec.h"

namespace monopod::kube {

class LeaseCodec : public RecordCodec {
 public:
  const ResourceNames& names() const override;
  Result<protocol::Record> Decode(const Object& object) const override;
  Result<void> Encode(const protocol::Record& record, Object& object) const override;
};

}  // namespace monopod::kube
