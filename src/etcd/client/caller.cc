#include "src/etcd/client/caller.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "src/etcd/client/stubs.h"

namespace monopod::etcd {
namespace {

using Next = Failure::Next;

Error TooLate(std::string_view what) {
  return {ErrorCode::kDeadlineExceeded, fmt::format("there was no time left for a {}", what)};
}

// What to say when no endpoint did it.
Error Together(std::vector<Error> errors) {
  const bool alike = std::all_of(errors.begin(), errors.end(), [&](const Error& error) {
    return error.code == errors.front().code;
  });
  std::vector<std::string> messages;
  for (Error& error : errors) messages.push_back(std::move(error.message));
  return {alike ? errors.front().code : ErrorCode::kUnavailable,
          fmt::format("{}", fmt::join(messages, "; "))};
}

}  // namespace

Result<void> Caller::Make(const Call& call, const Send& send) {
  std::vector<Error> errors;
  const std::size_t first = endpoints_.current();
  for (std::size_t tried = 0; tried < endpoints_.size(); ++tried) {
    const BootTime now = BootClock::now();
    if (now >= call.deadline) break;
    const auto left = static_cast<BootClock::rep>(endpoints_.size() - tried);
    auto done = Try(first + tried, call, now + (call.deadline - now) / left, send);
    if (done) return {};
    Failure& failure = done.error();
    if (failure.next == Next::kTryElsewhere || failure.error.code == ErrorCode::kIndeterminate) {
      endpoints_.Leave(first + tried);
    }
    if (failure.next != Next::kTryElsewhere) return Fail(std::move(failure.error));
    errors.push_back(std::move(failure.error));
  }
  if (errors.empty()) return Fail(TooLate(call.what));
  return Fail(Together(std::move(errors)));
}

Result<void> Caller::MakeAt(std::string_view name, const Call& call, const Send& send) {
  const auto& names = endpoints_.names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    return Fail(ErrorCode::kInvalidArgument, fmt::format("{} is no endpoint of the store", name));
  }
  if (BootClock::now() >= call.deadline) return Fail(TooLate(call.what));
  auto done = Try(static_cast<std::size_t>(found - names.begin()), call, call.deadline, send);
  if (!done) return Fail(std::move(done.error().error));
  return {};
}

// Until `share` if that leaves others something to try, else until the call's deadline.
tl::expected<void, Failure> Caller::Try(std::size_t index, const Call& call, BootTime share,
                                        const Send& send) {
  auto endpoint = endpoints_.Connect(index, share);
  if (!endpoint) {
    Error& error = endpoint.error();
    const Attempt attempt{.what = call.what,
                          .endpoint = endpoints_.names()[index % endpoints_.size()]};
    return tl::unexpected(
        Failure{Next::kTryElsewhere, {error.code, Describe(attempt, error.message)}});
  }
  Call sent = call;
  if (call.repeatable) sent.deadline = share;
  auto done = SendOnce(**endpoint, sent, send);
  // It was refused before anything happened, so this is no repetition.
  if (!done && done.error().next == Next::kAuthenticate) done = SendOnce(**endpoint, sent, send);
  return done;
}

tl::expected<void, Failure> Caller::SendOnce(Endpoint& endpoint, const Call& call,
                                             const Send& send) {
  auto token = login_.Token(endpoint, call.deadline);
  if (!token) return tl::unexpected(std::move(token.error()));
  const BootTime began = BootClock::now();
  grpc::ClientContext context;
  context.set_deadline(TransportTime(call.deadline));
  if (!token->empty()) context.AddMetadata("token", *token);
  const grpc::Status status = send(endpoint, context);
  if (status.ok()) return {};
  Failure failure = Judge(status, {.what = call.what,
                                   .endpoint = endpoint.name,
                                   .repeatable = call.repeatable,
                                   .waited = BootClock::now() - began});
  if (failure.next == Next::kAuthenticate) login_.Forget(*token);
  return tl::unexpected(std::move(failure));
}

}  // namespace monopod::etcd
