#include "src/etcd/client/login.h"

#include "src/etcd/client/stubs.h"

namespace monopod::etcd {

tl::expected<std::string, Failure> Login::Token(Endpoint& endpoint, BootTime deadline) {
  if (user_.empty()) return std::string();
  Attempt attempt{.what = "login", .endpoint = endpoint.name, .repeatable = true};
  const BootTime began = BootClock::now();
  const std::unique_lock lock(mutex_, deadline - began);
  if (!lock.owns_lock()) {
    return tl::unexpected(
        Failure{Failure::Next::kTryElsewhere,
                {ErrorCode::kUnavailable, Describe(attempt, "another call waits for its answer")}});
  }
  if (!token_.empty()) return token_;
  etcdserverpb::AuthenticateRequest request;
  request.set_name(user_);
  request.set_password(password_);
  etcdserverpb::AuthenticateResponse response;
  grpc::ClientContext context;
  context.set_deadline(TransportTime(deadline));
  const grpc::Status status = endpoint.auth->Authenticate(&context, request, &response);
  if (!status.ok()) {
    attempt.waited = BootClock::now() - began;
    return tl::unexpected(Judge(status, attempt));
  }
  token_ = response.token();
  return token_;
}

void Login::Forget(const std::string& token) {
  const std::lock_guard lock(mutex_);
  if (token_ == token) token_.clear();
}

}  // namespace monopod::etcd
