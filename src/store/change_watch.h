// Waits until another process, or another thread, may have changed a SQLite store.
//
// A commit is written to the -wal file first and becomes visible only after that has reached
// the disk, through shared memory, which inotify does not see. So a writer announces its commit
// once it is visible, by opening and closing the -wal file; a writer that dies before it does
// so closes the file as well. A writer that does neither (an sqlite3 shell that stays open) is
// noticed by its write: a few looks follow it, further and further apart, since nothing tells
// when a slow disk has made it visible. Without events nothing is done: this does not poll.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>

#include "src/base/clock.h"
#include "src/store/file_identity.h"

namespace monopod::store {

// Tells every ChangeWatch on the store that a commit is visible. `wal` is its -wal file. Never
// blocks for long; a failure only makes the others notice later.
void AnnounceChange(const std::string& wal);

// One waiter's subscription; it is kept and used again, since closing one is slow in the kernel.
// One thread at a time.
class ChangeWatch {
 public:
  // How long after a write the first look follows, and the longest time between two looks; each
  // is twice as long after the last.
  struct Pace {
    std::chrono::milliseconds first{50};
    std::chrono::milliseconds longest{3200};
  };

  // Null if the kernel grants no more of them (inotify instances, file descriptors).
  static std::unique_ptr<ChangeWatch> Create() { return Create(Pace()); }
  static std::unique_ptr<ChangeWatch> Create(Pace pace);
  ~ChangeWatch();
  ChangeWatch(const ChangeWatch&) = delete;
  ChangeWatch& operator=(const ChangeWatch&) = delete;

  // Forgets earlier events and subscribes to those after this call; then look at the store, and
  // Wait if it is unchanged. False if one of the files cannot be watched: it is gone, or the
  // kernel's limit is reached.
  bool Arm(const StorePaths& paths);

  enum class Wake { kLook, kDeadline, kStopped };
  // kLook: something happened to the files, perhaps nothing of interest. Look, and Wait again.
  Wake Wait(BootTime deadline, const std::stop_token& stop);

 private:
  class FileDescriptor {
   public:
    explicit FileDescriptor(int number) : number_(number) {}
    ~FileDescriptor();
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    int get() const { return number_; }
    bool valid() const { return number_ >= 0; }

   private:
    int number_;
  };

  explicit ChangeWatch(Pace pace);
  bool HearWrites(bool hear);
  void LookAfterWrite();
  void SetTimer(BootTime when) const;
  std::uint32_t DrainEvents() const;
  bool NeedsLook(std::uint32_t events);

  const Pace pace_;
  FileDescriptor events_;
  FileDescriptor stop_;
  FileDescriptor timer_;
  std::string wal_;
  // When to look although nobody announced anything, as a write was heard or may have been missed.
  std::optional<BootTime> look_at_;
  std::chrono::milliseconds look_delay_{0};
};

}  // namespace monopod::store
