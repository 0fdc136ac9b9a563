// The one header that includes gRPC: what an endpoint is made of. For the .cc files of this folder.
#pragma once

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "src/base/clock.h"
#include "src/etcd/client/proto/rpc.grpc.pb.h"

namespace monopod::etcd {

struct Endpoint {
  Endpoint(std::string host_and_port, std::shared_ptr<grpc::Channel> connection)
      : name(std::move(host_and_port)), channel(std::move(connection)) {}

  std::string name;  // host:port
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<etcdserverpb::KV::Stub> kv = etcdserverpb::KV::NewStub(channel);
  std::unique_ptr<etcdserverpb::Lease::Stub> lease = etcdserverpb::Lease::NewStub(channel);
  std::unique_ptr<etcdserverpb::Watch::Stub> watch = etcdserverpb::Watch::NewStub(channel);
  std::unique_ptr<etcdserverpb::Auth::Stub> auth = etcdserverpb::Auth::NewStub(channel);
  std::unique_ptr<etcdserverpb::Cluster::Stub> cluster = etcdserverpb::Cluster::NewStub(channel);
  std::unique_ptr<etcdserverpb::Maintenance::Stub> maintenance =
      etcdserverpb::Maintenance::NewStub(channel);
};

// gRPC's own deadlines are of the wall clock, which can be set; this one is as far from now as
// `deadline` is, on its monotonic clock.
inline gpr_timespec TransportTime(BootTime deadline) {
  const auto left = std::max(deadline - BootClock::now(), BootClock::duration(0));
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_nanos(left.count(), GPR_TIMESPAN));
}

}  // namespace monopod::etcd
