// All watches of a client, on one stream, which is opened again wherever it breaks.
//
// The server forgets a stream's watches with it, so all are created on the next one. A server of
// 3.4 does not listen to a stream any more after it refused one watch. So that one is tried once
// more on a new stream, with a new token, and left out after that until a stream breaks: whoever
// started it is not allowed to read the keys either, and is told so there.
//
// Threads: one of its own, from the first watch on, which makes all reports. See client.h.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "src/etcd/api.h"
#include "src/etcd/client/caller.h"
#include "src/etcd/client/watch_stream.h"

namespace monopod::etcd {

struct WatchedRange {
  std::string key;
  std::string end;
};

class WatchHub {
 public:
  explicit WatchHub(Caller& caller) : caller_(caller) {}
  WatchHub(const WatchHub&) = delete;
  WatchHub& operator=(const WatchHub&) = delete;
  ~WatchHub();

  std::unique_ptr<Watch> Start(WatchedRange range, std::function<void(WatchReport)> report);

 private:
  class Watcher;
  class Handle;
  using Id = std::int64_t;  // on the wire; ours to choose

  void Stop(Id id);
  bool AnyAwaited();
  void Create(Id id, const Watcher& watcher);

  // On the hub's thread.
  void Run();
  bool AwaitWork(BootClock::duration delay);
  enum class End : std::uint8_t { kBroken, kRefused };
  End RunStream(Endpoint& endpoint);
  bool Understand(const etcdserverpb::WatchResponse& response);
  void Report(End end);

  Caller& caller_;
  std::thread thread_;
  std::mutex mutex_;  // guards what follows; not held while a report is made
  std::condition_variable changed_;
  bool stopping_ = false;
  Id last_id_ = 0;
  std::map<Id, std::shared_ptr<Watcher>> watchers_;
  WatchStream* stream_ = nullptr;  // while one is open
  std::deque<Id> awaited_;         // what it was asked to create, and has yet to answer, in turn
};

}  // namespace monopod::etcd
