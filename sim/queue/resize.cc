#include "sim/queue/resize.h"

#include <utility>

#include "sim/queue/lock_text.h"

namespace monopod::sim::queue {

using etcd::Resizing;
using etcd::Transaction;
using std::chrono::milliseconds;
using std::chrono::seconds;

Resize::Resize(const Parts& parts) : parts_(parts), keys_(kPrefix, kLockName) {}

void Resize::Begin(int slots) {
  resizing_.emplace(keys_, slots);
  Step();
}

void Resize::Later() {
  const auto pause = parts_.world.random.In({.from = milliseconds(1), .to = seconds(1)});
  parts_.world.queue.At(std::max(parts_.world.queue.now() + pause, parts_.line.UpAt()),
                        [this] { Step(); });
}

void Resize::Step() {
  const auto reply = parts_.cluster.Transact(etcd::ReadLockTransaction(keys_), {});
  const BootTime now = parts_.clock.At(parts_.world.queue.now());
  const auto step = resizing_->Next(etcd::ReadLockContents(*reply), now);
  if (step) {
    for (const Transaction& tidy : step->tidy) Apply(tidy, false);
    if (step->kind == Resizing::Step::Kind::kWrite) Apply(step->write, true);
    if (step->kind == Resizing::Step::Kind::kWrite || step->kind == Resizing::Step::Kind::kAwait) {
      Later();
      return;
    }
  }
  resizing_.reset();
}

void Resize::Apply(const Transaction& transaction, bool is_the_write) {
  World& world = parts_.world;
  const auto apply = [this, is_the_write, transaction] {
    if (parts_.line.UpAt() > parts_.world.queue.now()) return;
    const auto reply = parts_.cluster.Transact(transaction, {});
    if (is_the_write && resizing_ && reply) resizing_->OnWritten(reply->succeeded);
  };
  world.queue.At(world.queue.now() + parts_.line.Latency(), apply);
  // An answer that was lost is asked for again by the same.
  if (world.Happens(0.1)) {
    world.queue.At(world.queue.now() + world.random.In({.to = milliseconds(300)}), apply);
  }
}

}  // namespace monopod::sim::queue
