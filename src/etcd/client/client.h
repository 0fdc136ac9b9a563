// etcd::Api over gRPC.
//
// Connections are made when they are first needed. All calls begin with one endpoint until that
// one fails or is silent; then they begin with the next. Within one call:
// - An endpoint that cannot be connected to is passed over, within a share of the deadline.
// - Reads and renewals of leases are repeated at the next endpoint if one fails, or is silent for
//   its share of the deadline.
// - Any other call is sent at most once. kUnavailable means that it was not sent or did not land,
//   kIndeterminate that it may have.
// So a call can fail well before its deadline: each endpoint is tried once.
//
// Errors beyond those of api.h: kDenied also stands for an endpoint whose certificate is not
// trusted, or that does not trust ours, and for a user that cannot log in. Messages name the
// endpoint. A token that the server does not know any more is replaced without a word.
//
// While the machine is suspended, a call's deadline stands still.
//
// Threads: calls are made on the caller's thread. One of the client's own drives the connections,
// another makes the reports once something is watched, and gRPC has its own. A Watch must be
// destroyed before the client; it may be destroyed from within a report. Whoever destroys one waits
// for a report of it that is being made, so must hold no lock that the report wants.
#pragma once

#include <memory>

#include "src/etcd/api.h"
#include "src/etcd/client/client_options.h"
#include "src/etcd/cluster_api.h"

namespace monopod::etcd {

class Client : public Api, public ClusterApi {};

// Contacts nobody yet. Call it after the last fork.
std::unique_ptr<Client> MakeClient(const ClientOptions& options);

// Keeps gRPC from writing to stderr what is in the errors anyway, unless GRPC_VERBOSITY is set: all
// but what it ends the program with. For programs that own the process, before the first client is
// made.
void SilenceTransport();

}  // namespace monopod::etcd
