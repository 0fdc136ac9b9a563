// Makes a call at one endpoint after the other, as client.h promises: with a deadline, with a
// token, and at most once if it must not be repeated.
//
// Threads: all may be called concurrently.
#pragma once

#include <functional>
#include <string_view>

#include "monopod/result.h"
#include "src/base/clock.h"
#include "src/etcd/client/client_options.h"
#include "src/etcd/client/endpoints.h"
#include "src/etcd/client/login.h"

namespace grpc {
class ClientContext;
class Status;
}  // namespace grpc

namespace monopod::etcd {

struct Call {
  std::string_view what;    // for messages: "grant of a lease"
  bool repeatable = false;  // it does no harm twice
  BootTime deadline;
};

class Caller {
 public:
  // Sends it, on the caller's thread.
  using Send = std::function<grpc::Status(Endpoint&, grpc::ClientContext&)>;

  explicit Caller(const ClientOptions& options)
      : endpoints_(options), login_(options.user, options.password) {}

  Endpoints& endpoints() { return endpoints_; }
  const Endpoints& endpoints() const { return endpoints_; }
  Login& login() { return login_; }

  Result<void> Make(const Call& call, const Send& send);
  // At this endpoint or not at all. Fails with kInvalidArgument if it is none of ours.
  Result<void> MakeAt(std::string_view name, const Call& call, const Send& send);

 private:
  tl::expected<void, Failure> Try(std::size_t index, const Call& call, BootTime share,
                                  const Send& send);
  tl::expected<void, Failure> SendOnce(Endpoint& endpoint, const Call& call, const Send& send);

  Endpoints endpoints_;
  Login login_;
};

}  // namespace monopod::etcd
