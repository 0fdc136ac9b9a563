// Fencing for what a lock protects and etcd does not keep: a resource that remembers the highest
// token it has seen refuses every write of an earlier hold, however late it comes.
//
// Guarantees: after a token was accepted, no lower one is (docs/PROTOCOL.md, I3). So whoever held
// the lock before can write until the resource has seen the new holder's token, and never after:
// let a holder announce itself with its first access.
//
// It does not work for locks of several slots, whose holders work at the same time with different
// tokens, and is refused there. A lock that is resized later is not noticed.
//
// Threads: none is synchronized. The check and the write that it allows belong under one mutex, or
// into one transaction.
#pragma once

#include <string>

#include "monopod/result.h"
#include "monopod/types.h"

namespace monopod {

// In memory, for a server that is the only one to write the resource.
class FencingToken {
 public:
  struct Options {
    Token highest =
        0;          // seen so far: keep it beside the resource, so that a restart forgets nothing
    int slots = 1;  // of the lock
  };
  // kInvalidArgument: the lock has more than one slot.
  static Result<FencingToken> Make(const Options& options);

  // Accepts the token and remembers it, or refuses it.
  //   kNotHolder: a higher one was seen. Do not do what was asked for.
  //   kInvalidArgument: 0, which no hold has.
  Result<void> Check(Token token);

  Token highest() const { return highest_; }

 private:
  explicit FencingToken(Token highest) : highest_(highest) {}
  Token highest_;
};

// In a SQLite database (3.24 or later), for all that it keeps:
//
//   BEGIN IMMEDIATE;
//   <check>        bind ?1 to the lock's name and ?2 to the token
//   ROLLBACK if sqlite3_changes() is 0: fenced off. Else write what you like, and
//   COMMIT;
//
// For a single row that has a column for it, no table is needed; no row changed means fenced off:
//
//   UPDATE jobs SET state = ?1, token = ?2 WHERE id = ?3 AND token <= ?2
struct SqlFence {
  struct Options {
    std::string table = "monopod_fence";  // quoted as a name; made by `create`
    int slots = 1;                        // of the lock
  };
  // kInvalidArgument: the lock has more than one slot, or the table has no name.
  static Result<SqlFence> Make(const Options& options);

  std::string create;  // makes the table if there is none
  std::string check;   // remembers the token, ... WHERE token <= ?2
};

}  // namespace monopod
