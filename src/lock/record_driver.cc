#include "src/lock/record_driver.h"

#include <utility>
#include <variant>

#include "src/base/nonce.h"

namespace monopod::lock {

using protocol::Moment;

RecordDriver::RecordDriver(std::shared_ptr<protocol::RecordStore> store, protocol::Claim claim,
                           EventSink sink)
    : Driver(claim, std::move(sink)),
      store_(std::move(store)),
      machine_(std::move(claim), RandomNonce) {}

Driver::Progress RecordDriver::Act(const std::stop_token& wake) {
  protocol::Action action = machine_.Next(MomentNow());
  const auto read = [&](const protocol::ReadAction& call) {
    const auto reply = store_->Read(call.name, call.deadline);
    machine_.OnRead(reply, MomentNow());
    return Progress::kGoing;
  };
  const auto write = [&](const protocol::WriteAction& call) {
    // Taken before the call: a tenure counts from here.
    const Moment sent = MomentNow();
    const auto reply = store_->Write(call.name, call.expected, call.record, call.deadline);
    machine_.OnWrite(reply, sent, MomentNow());
    return Progress::kGoing;
  };
  const auto await = [&](const protocol::AwaitAction& call) {
    const auto news = store_->AwaitNews(call.seen, call.until, wake);
    machine_.OnAwaited(news, MomentNow());
    return Progress::kGoing;
  };
  const auto idle = [&](const protocol::IdleAction& call) { return Idle(call, wake); };
  const auto tell = [&](protocol::TellAction& call) { return Tell(call); };
  const auto done = [&](protocol::DoneAction& call) { return Finish(call); };
  return std::visit(Overloaded{read, write, await, idle, tell, done}, action);
}

}  // namespace monopod::lock
