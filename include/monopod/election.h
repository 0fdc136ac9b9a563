// Leader election: of all candidates for a name, on any store, at most one leads at a time.
//
// An election is a lock (monopod/lock.h): whoever holds it leads. `monopod run NAME`, `monopod
// elect NAME` and this class exclude each other on one name, and on a Lease every client-go
// elector, too.
//
// Guarantees, while any two clocks differ in rate by less than 1 % and no machine is paused:
// - The work of two leaders never overlaps, if each ends its work within Leadership::time_left()
//   once it is told to. A leader that cannot renew is told at 60 % of the TTL, and no other begins
//   before 80 % of it and a quarter of a second have passed (docs/PROTOCOL.md, I10).
// - The lock is given back only after `on_started` has returned, so a leader that is asked to stop
//   hands over at once: the next one hears of it as fast as the store can tell.
// - Each leadership has a token, higher than that of every earlier one.
// - Who leads is never decided by priority alone: whatever priorities say, the lock decides.
//
// It does not guarantee
// - that your work stops: a library cannot kill its caller. Watch the stop token; if you cannot
//   stop in time, end the process. `monopod elect` does the killing for you.
// - that work of an elector that is not monopod has stopped (client-go's stops after its release).
// - that somebody always leads, nor who is first among candidates of equal priority.
//
//   auto election = Election::Open({.store = "etcd://db:2379"}, {
//       .name = "scheduler",
//       .on_started = [](const Leadership& leadership, const std::stop_token& over) {
//         while (!over.stop_requested()) Schedule(leadership.token());
//       }});
//   if (!election) return election.error();
//   auto end = election->Run(stop);      // until `stop` is requested or the work returns by itself
//
// Threads: Run is called by one thread at a time, and all callbacks but `on_retry` and
// ClientOptions::on_event come on that thread, one after the other. Resign may be called by any
// thread. A callback must not throw: the program ends then, as the lock must not be given back in
// the middle of work. Must not be used in a forked child.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "monopod/lock.h"
#include "monopod/lock_client.h"
#include "monopod/result.h"
#include "monopod/types.h"

namespace monopod {

// Why a leadership ended.
enum class LeadershipEnd : std::uint8_t {
  kNone,       // there was none, or it goes on
  kFinished,   // the work returned of its own accord
  kStopped,    // Run's stop token was requested
  kResigned,   // Resign was called
  kPreferred,  // a candidate of higher priority waits
  kLost,       // the hold is over or cannot be proved any more: time_left() counts
};
// "none", "finished", "stopped", "resigned", "preferred", "lost".
std::string_view LeadershipEndName(LeadershipEnd end);

// Valid until `on_stopped` has returned. Threads: all may be called concurrently.
class Leadership {
 public:
  Leadership(const Lock& lock, std::function<LeadershipEnd()> end)
      : lock_(lock), end_(std::move(end)) {}
  const std::string& election() const { return lock_.name(); }
  const Holder& leader() const { return lock_.holder(); }
  Token token() const { return lock_.token(); }
  // Until the moment at which the work must be over. Each renewal moves it, also while a leader
  // stops that was only asked to; after a loss nothing does.
  std::chrono::nanoseconds time_left() const { return lock_.time_left(); }
  // Why the work is to stop; kNone while it is not.
  LeadershipEnd end() const { return end_(); }
  // For people, after a loss; else empty.
  std::string lost_reason() const { return lock_.lost_reason(); }

 private:
  const Lock& lock_;
  const std::function<LeadershipEnd()> end_;
};

struct ElectionOptions {
  std::string name;  // of the lock
  HoldTimes times;
  // Who has the higher priority is preferred: 0 to 1000000. All candidates of an election should
  // give one, or none: who gives none steps down for nobody, and is not waited for. How it is done:
  // docs/decisions/0016-election-priority.md. Uses a second lock, called NAME.preferred.
  std::optional<int> priority;
  std::string purpose = "leader election";  // others see it with the lock. No secrets.
  // As in AcquireOptions.
  std::chrono::nanoseconds lock_delay{0};
  std::optional<std::chrono::nanoseconds> foreign_ttl;
  std::function<void(std::chrono::nanoseconds term_at, std::chrono::nanoseconds kill_at)>
      on_deadlines;

  // The work. `over` is requested when it must stop; Leadership::end() says why. The lock is given
  // back when this returns. If nobody had asked for that, Run returns, too: work that has ended by
  // itself is not begun again.
  std::function<void(const Leadership& leadership, const std::stop_token& over)> on_started;
  // After the work, before the lock is given back. May be empty.
  std::function<void(const Leadership& leadership)> on_stopped;
  // Somebody leads who did not when this was last called; also this candidate itself, before
  // on_started. Not called for each: a candidate that stands back for a preferred one does not
  // look. May be empty.
  struct Leader {
    Holder holder;
    WallTime since{};
    bool is_self = false;
  };
  std::function<void(const Leader& leader)> on_new_leader;
  // Campaigning failed, and goes on after `wait`. Also called, once and perhaps on another thread,
  // when the priority has no effect until somebody mends that: a right on NAME.preferred is
  // missing, for instance. The election goes on as if without. Never called twice at a time. May be
  // empty.
  std::function<void(const Error& error, std::chrono::nanoseconds wait)> on_retry;
};

// How Run ended.
struct ElectionEnd {
  LeadershipEnd last = LeadershipEnd::kNone;  // how the last leadership ended
  // The last lock was not given back in order (see Lock::Release). If kIndeterminate, the next
  // leader has to wait until it expires.
  std::optional<Error> release_error;
};

class Election {
 public:
  // Opens the store and checks the options; nobody is asked yet.
  //   kInvalidArgument: name, times, priority or URL not allowed, or no on_started.
  //   Others: as LockClient::Open.
  static Result<Election> Open(ClientOptions client, ElectionOptions election);
  Election(Election&&) noexcept;
  Election& operator=(Election&&) noexcept;
  ~Election();

  // Its store, and who it stands for.
  const LockClient& client() const;

  // Campaigns, leads, and campaigns again, until `stop` is requested or `on_started` returns of its
  // own accord. Blocks. While the store cannot be reached it goes on trying, a second to fifteen
  // apart: give up by `stop`.
  //   kDenied, kInvalidArgument, kUnsupported, kNotFound, kStoreReplaced, kInternal: trying again
  //   would not help; see monopod/result.h. Nothing is held.
  Result<ElectionEnd> Run(const std::stop_token& stop);

  // Gives the leadership up, if there is one: the work is told to stop, then the lock is given
  // back. The candidate stands back a little before it campaigns again, and for a TTL it asks
  // nobody to make way for its priority.
  void Resign();

 private:
  struct Impl;
  friend struct ElectionOverClient;
  explicit Election(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace monopod
