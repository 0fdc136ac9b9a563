// What a guard is made of, from what stands in a lock's keys. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monopod/guard.h"
#include "src/etcd/api.h"
#include "src/etcd/lock_keys.h"
#include "src/etcd/lock_picture.h"

namespace monopod::lock {

// The hold that a guard is for, as its holder names it.
struct GuardedHold {
  std::string lock;
  Token token = 0;
  std::optional<std::string> instance;  // of a handle, which is good for its own hold only
};

// kNotHolder: it does not hold; the message says who does. kUnsupported: what stands there cannot
// be read.
Result<std::vector<GuardCondition>> ConditionsOf(const GuardedHold& hold,
                                                 const etcd::LockKeys& keys,
                                                 const etcd::LockContents& contents);

// Does the operation if all conditions are true, else reads the lock.
etcd::Transaction GuardedTransaction(const std::vector<GuardCondition>& conditions,
                                     etcd::Operation operation, const etcd::LockKeys& keys);

// Why the hold is none, from what stood in the keys then.
Error FencedOff(const GuardedHold& hold, const etcd::LockKeys& keys,
                const etcd::LockContents& contents);

// kInvalidArgument: empty, or a key of some lock of the store at `prefix`.
Result<void> CheckGuardedKey(std::string_view prefix, std::string_view key);

}  // namespace monopod::lock
