// What administrators change in a lock: its number of slots, and a hold that is to end. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "monopod/result.h"
#include "src/base/clock.h"
#include "src/etcd/api.h"
#include "src/etcd/lock_keys.h"
#include "src/etcd/lock_picture.h"

namespace monopod::etcd {

// Says the number of slots where nobody has, if the lock is as it was read.
Transaction CreateTransaction(const LockKeys& keys, const LockContents& contents, int slots);

// Ends a hold that is as it was read. Its marker stays `live` and says why: whoever comes next
// waits until the work is over.
Transaction BreakTransaction(const LockKeys& keys, const Claimed& hold, const std::string& note);

// Changes the number of slots, in steps between which anything may happen: read the lock, ask for
// the next step, carry it out, and read again. A smaller number comes into force only when no more
// than that can hold.
class Resizing {
 public:
  Resizing(LockKeys keys, int slots) : keys_(std::move(keys)), slots_(slots) {}

  struct Step {
    enum class Kind : std::uint8_t {
      kWrite,      // do `write`, and tell whether it succeeded: OnWritten
      kAwait,      // more than the new number may still hold: read again after a while
      kDone,       // the new number is in force
      kNoLock,     // nothing stands under its keys
      kOvertaken,  // somebody else resized it meanwhile
    };
    Kind kind = Kind::kNoLock;
    // To be done as well, before `write`; whether they succeed says nothing.
    std::vector<Transaction> tidy = {};
    Transaction write = {};
  };
  // kUnsupported: a value cannot be read; the message names its key.
  Result<Step> Next(const LockContents& contents, BootTime now);
  void OnWritten(bool succeeded) { said_ = said_ || succeeded; }

 private:
  std::vector<Transaction> Tidy(const LockPicture& picture, BootTime now);

  const LockKeys keys_;
  const int slots_;
  bool said_ = false;                           // the number was seen to stand
  std::map<std::string, BootTime> gone_since_;  // ID -> when its member was first seen to be gone
};

}  // namespace monopod::etcd
