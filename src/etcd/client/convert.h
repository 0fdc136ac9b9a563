// api.h's transactions as etcd's messages, and back.
//
// Pure; any thread.
#pragma once

#include "src/etcd/api.h"

namespace etcdserverpb {
class TxnRequest;
class TxnResponse;
}  // namespace etcdserverpb
namespace mvccpb {
class Event;
}

namespace monopod::etcd {

void Convert(const Transaction& transaction, etcdserverpb::TxnRequest& request);
TransactionReply Convert(const etcdserverpb::TxnResponse& response);
WatchEvent Convert(const mvccpb::Event& event);

// Whether it could change something.
bool Mutates(const Transaction& transaction);

}  // namespace monopod::etcd
