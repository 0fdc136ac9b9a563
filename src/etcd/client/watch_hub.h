// All watches of a client, on one stream, which is opened again wherever it breaks.
//
// The server forgets a stream's watches with it, and can stop listening to a stream after it
// refused one watch (3.4). So any end and any refusal is answered alike: open a new stream, at the
// next endpoint, and create all watches on it.
//
// Threads: one of its own, from the first watch on, which makes all reports. See client.h.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
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

  void Stop(Id id, Watcher& watcher);
  bool AnyAwaited();

  // On the hub's thread.
  void Run();
  bool AwaitWork(BootClock::duration delay);
  void RunStream(Endpoint& endpoint);
  bool Understand(const etcdserverpb::WatchResponse& response);
  void ReportBroken();

  Caller& caller_;
  std::thread thread_;
  std::mutex mutex_;  // guards what follows; not held while a report is made
  std::condition_variable changed_;
  bool stopping_ = false;
  Id last_id_ = 0;
  std::map<Id, std::shared_ptr<Watcher>> watchers_;
  std::size_t awaited_ = 0;        // watches that the server has yet to confirm
  WatchStream* stream_ = nullptr;  // while one is open
};

}  // namespace monopod::etcd
