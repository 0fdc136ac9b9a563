// One open watch on the objects of a lock, shared by all threads that await a change of them.
//
// It is kept open between calls, follows the objects from the version that was seen, and opens
// again when the server ends it. It is a hint: where it cannot be had (no right to watch, a server
// that fails), a call returns after a pause, so that its caller looks by itself, and not too often.
//
// Threads: all calls may be made concurrently; one of the waiting threads reads for all.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "src/kube/api.h"
#include "src/kube/object.h"
#include "src/protocol/record_store.h"

namespace monopod::kube {

class LockWatch {
 public:
  struct Options {
    std::shared_ptr<Api> api;
    std::string collection;  // the path of all objects of this kind in the namespace
    std::string lock;
    // The version that an object has now; nothing if that cannot be told in time.
    std::function<std::optional<protocol::Version>(const std::string& name, BootTime deadline)>
        look;
  };
  explicit LockWatch(Options options);

  // Blocks until an object differs from what was seen of it, until `deadline`, until `stop`, or
  // until a failure has been waited out. Returns the objects that changed, as the watch told them;
  // none if there is something else to look for.
  std::vector<Object> Await(std::span<const protocol::Seen> seen, BootTime deadline,
                            const std::stop_token& stop);

  // The version of the last event of an object, or 0.
  std::uint64_t NewestTold(const std::string& name);

  // When somebody awaited last.
  BootTime last_used();

 private:
  struct Known {
    std::uint64_t version = 0;  // of its last event
    bool gone = false;
    Object object;
  };
  // What a stream tells of.
  struct Selection {
    bool by_label = false;  // of all objects of the lock; else of one
    std::string name;
    bool operator==(const Selection&) const = default;
  };
  enum class Progress : std::uint8_t { kGoing, kLook };
  using SeenOnes = std::span<const protocol::Seen>;
  struct Until {
    BootTime deadline;
    const std::stop_token& stop;
  };

  // With the mutex held.
  bool Covers(const std::string& object) const;
  bool Differs(const protocol::Seen& seen) const;
  std::optional<std::vector<Object>> Changed(SeenOnes seen);
  std::vector<protocol::Seen> Unchecked(SeenOnes seen);

  bool AllStand(SeenOnes seen, BootTime deadline) const;

  // Of the thread that reads.
  Selection Wanted(SeenOnes seen) const;
  Progress Advance(SeenOnes seen, const Until& until);
  Progress Open(SeenOnes seen, const Until& until);
  std::string Path(std::uint64_t from);
  void StartFromNow();
  Progress OnRefusal(const Response& response, const Until& until);
  Progress OnLine(const std::string& line, const Until& until);
  Progress OnEnd(const Until& until);
  void Close();
  Progress BackOff(const Until& until);
  Progress Pause(std::chrono::nanoseconds longest, const Until& until);

  const Options options_;

  std::mutex mutex_;
  std::condition_variable_any moved_;
  bool reading_ = false;  // a thread is in Advance
  BootTime last_used_{};
  bool open_ = false;
  Selection selection_;
  std::uint64_t since_ = 0;        // all that is later is told; 0: what is there, too
  std::set<std::string> checked_;  // objects that were looked at after the stream had begun
  std::map<std::string, Known> known_;

  // Of the thread that reads.
  std::unique_ptr<EventStream> stream_;
  std::uint64_t progress_ = 0;  // the last version that was told
  bool from_now_ = false;       // the server's history does not reach back to what was seen
  bool label_denied_ = false;
  BootTime denied_until_{};  // no use in asking for a watch before
  BootTime opened_{};
  std::chrono::nanoseconds backoff_{0};
  std::minstd_rand random_;
};

}  // namespace monopod::kube
