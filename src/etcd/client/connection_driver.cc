#include "src/etcd/client/connection_driver.h"

#include <mutex>
#include <thread>
#include <utility>

#include "src/etcd/client/stubs.h"

namespace monopod::etcd {

struct ConnectionDriver::State {
  using Driven = std::weak_ptr<Endpoint>;

  // Waits for the next change of the connection; takes `driven` along, as the tag.
  void Await(grpc::Channel& channel, std::unique_ptr<Driven> driven) {
    const std::lock_guard lock(mutex);
    // gRPC ends the program if somebody waits by a queue that was shut down.
    if (is_over) return;
    channel.NotifyOnStateChange(channel.GetState(/*try_to_connect=*/false),
                                gpr_inf_future(GPR_CLOCK_MONOTONIC), &queue, driven.release());
  }
  void Run() {
    void* tag = nullptr;
    bool ok = false;
    while (queue.Next(&tag, &ok)) {
      std::unique_ptr<Driven> driven(static_cast<Driven*>(tag));
      if (const auto endpoint = driven->lock()) Await(*endpoint->channel, std::move(driven));
    }
  }

  void End() {
    const std::lock_guard lock(mutex);
    is_over = true;
    queue.Shutdown();
  }

  std::mutex mutex;
  bool is_over = false;
  grpc::CompletionQueue queue;
  std::thread thread{[this] { Run(); }};
};

ConnectionDriver::ConnectionDriver() : state_(std::make_unique<State>()) {}

ConnectionDriver::~ConnectionDriver() {
  state_->End();
  state_->thread.join();
}

void ConnectionDriver::Drive(const std::shared_ptr<Endpoint>& endpoint) {
  state_->Await(*endpoint->channel, std::make_unique<State::Driven>(endpoint));
}

}  // namespace monopod::etcd
