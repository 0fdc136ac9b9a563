// What the holders of a lock share, and change by reading it and writing it back: a text, in one
// key of etcd or in a file.
//
// Guarded, a write of a hold that is over does not land: etcd refuses it in the transaction that
// writes (monopod/guard.h), the file by the highest token that it has seen (monopod/fencing.h). A
// read is guarded, too. Unguarded, nothing is refused: what lost updates look like.
//
// Threads: one.
#pragma once

#include <memory>
#include <string>

#include "monopod/lock_client.h"
#include "monopod/result.h"

namespace monopod::faults {

class SharedSet {
 public:
  virtual ~SharedSet() = default;
  // For this hold, from now on. kNotHolder: it is over already.
  virtual Result<void> Enter(const LockClient& client, const Lock& lock) = 0;
  virtual Result<std::string> Read() = 0;
  // kIndeterminate, kOutOfSpace and kInternal: it may land. Any other error: it does not.
  virtual Result<void> Write(const std::string& text) = 0;
};

struct SharedSetOptions {
  std::string place;  // key or file
  bool is_guarded = true;
};
// At that URL of etcd; null if it is none.
std::unique_ptr<SharedSet> SetInEtcd(const std::string& url, const SharedSetOptions& options);
std::unique_ptr<SharedSet> SetInFile(const SharedSetOptions& options);

// The text of a set in a file, to which nobody writes.
std::string TextOfSetInFile(const std::string& path);

}  // namespace monopod::faults
