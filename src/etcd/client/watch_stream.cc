#include "src/etcd/client/watch_stream.h"

#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>

#include "src/etcd/client/stubs.h"

namespace monopod::etcd {
namespace {

namespace pb = etcdserverpb;

// What the completion queue reports. Not an enum: its tags are pointers.
enum class Step : std::uintptr_t { kOpened, kRead, kWritten, kFinished };
void* Tag(Step step) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a tag is never followed
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(step));
}

}  // namespace

struct WatchStream::State {
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<pb::WatchRequest, pb::WatchResponse>> calls;

  // For Next's thread.
  pb::WatchResponse response;
  bool read_next = false;
  bool ending = false;
  bool finishing = false;
  grpc::Status status;

  std::mutex mutex;  // guards what follows
  bool open = false;
  bool writing = false;
  std::deque<pb::WatchRequest> outbox;

  void Write() {
    if (!open || writing || outbox.empty()) return;
    writing = true;
    grpc::WriteOptions options;
    // Several go out together.
    if (outbox.size() > 1) options.set_buffer_hint();
    calls->Write(outbox.front(), options, Tag(Step::kWritten));
    outbox.pop_front();
  }
  void OnOpened(bool ok) {
    const std::lock_guard lock(mutex);
    open = ok;
    ending = !ok;
    read_next = ok;
    Write();
  }
  void OnRead(bool ok) {
    const std::lock_guard lock(mutex);
    open = ok;
    ending = !ok;
    read_next = ok;
  }
  void OnWritten() {
    const std::lock_guard lock(mutex);
    writing = false;
    Write();
  }
  // Asks for the next message, or for the status when nothing else is under way.
  void GoOn() {
    if (read_next) {
      read_next = false;
      calls->Read(&response, Tag(Step::kRead));
    }
    const std::lock_guard lock(mutex);
    if (!ending || writing || finishing) return;
    finishing = true;
    calls->Finish(&status, Tag(Step::kFinished));
  }
};

WatchStream::WatchStream(Endpoint& endpoint, const std::string& token)
    : state_(std::make_unique<State>()) {
  if (!token.empty()) state_->context.AddMetadata("token", token);
  // The server ends the stream when it has lost its leader.
  state_->context.AddMetadata("hasleader", "true");
  state_->calls = endpoint.watch->PrepareAsyncWatch(&state_->context, &state_->queue);
  state_->calls->StartCall(Tag(Step::kOpened));
}

WatchStream::~WatchStream() {
  Cancel();
  pb::WatchResponse ignored;
  while (Next(BootTime::max(), ignored) != Turn::kOver) {
  }
}

void WatchStream::Send(pb::WatchRequest request) {
  const std::lock_guard lock(state_->mutex);
  state_->outbox.push_back(std::move(request));
  state_->Write();
}

void WatchStream::Cancel() { state_->context.TryCancel(); }

WatchStream::Turn WatchStream::Next(BootTime until, pb::WatchResponse& response) {
  State& state = *state_;
  while (true) {
    state.GoOn();
    void* tag = nullptr;
    bool ok = false;
    switch (state.queue.AsyncNext(&tag, &ok, TransportTime(until))) {
      case grpc::CompletionQueue::TIMEOUT: return Turn::kTimeout;
      case grpc::CompletionQueue::SHUTDOWN: return Turn::kOver;
      case grpc::CompletionQueue::GOT_EVENT: break;
    }
    switch (static_cast<Step>(reinterpret_cast<std::uintptr_t>(tag))) {
      case Step::kOpened: state.OnOpened(ok); break;
      case Step::kRead:
        state.OnRead(ok);
        if (!ok) break;
        response.Swap(&state.response);
        return Turn::kResponse;
      case Step::kWritten: state.OnWritten(); return Turn::kSent;
      case Step::kFinished: state.queue.Shutdown(); break;
    }
  }
}

}  // namespace monopod::etcd
