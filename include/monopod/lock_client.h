// Locks on one store: the door to the library.
//
// A store keeps the locks: a local SQLite file for one machine ("sqlite:PATH"), an etcd cluster
// ("etcd://HOST:PORT"), Leases or ConfigMaps of a Kubernetes cluster ("lease:", "configmap:"), or
// the process itself for tests ("memory:"). All stores give the same locks with the same
// guarantees; monopod/lock.h says what they are.
//
//   auto client = LockClient::Open({.store = "sqlite:/var/lib/app/locks.db"});
//   if (!client) Die(client.error().message);
//   auto got = client->Acquire("nightly-report", {.wait = std::chrono::minutes(1)});
//
// Every call blocks and ends by itself: by its deadline, or, for one that only reads or changes a
// record, within ClientOptions::store_timeout and a little. No call starts work after its deadline.
//
// Errors that each call can return, with the caller's next move: monopod/result.h. Calls add:
//   kInvalidArgument  name, times, URL, slots or handle not allowed; the message says what is
//   kUnavailable      the store could not be reached in time
//   kIndeterminate    a write may have landed: look with Status()
//
// Threads: all members may be called concurrently, but for moves and the destructor. A client and
// its locks must not be used in a forked child. Locks may outlive their client.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "monopod/event.h"
#include "monopod/lock.h"
#include "monopod/result.h"
#include "monopod/types.h"

namespace monopod {

// How to log in to etcd. What is empty comes from etcdctl's variables (ETCDCTL_CACERT,
// ETCDCTL_CERT, ETCDCTL_KEY, ETCDCTL_USER, ETCDCTL_PASSWORD) or is not used.
struct EtcdLogin {
  std::string cacert;         // file of the certificate authorities to trust; switches TLS on
  std::string cert;           // file of the client certificate, with `key`
  std::string key;            // file of its key
  std::string user;           // "NAME" or "NAME:PASSWORD"
  std::string password;       // of the user
  std::string password_file;  // instead of `password`: the first line of this file
};

// How to reach a Kubernetes API server. What is empty comes from $KUBECONFIG, from the pod's
// service account, or from ~/.kube/config, in this order.
struct KubernetesLogin {
  std::string kubeconfig;  // file, instead of all of these
  std::string context;     // of the kubeconfig; empty: its current one
  std::string namespace_;  // where the locks are; empty: the context's or the pod's, or "default"
  bool all_namespaces = false;  // List() shows those of all, as "NAMESPACE/NAME"
};

struct ClientOptions {
  // "sqlite:PATH", "etcd://HOST:PORT,.../PREFIX" ("etcds://" for TLS), "lease:[NAMESPACE]",
  // "configmap:[NAMESPACE]", "memory:", or empty for the default: in a pod "lease:"; elsewhere
  // /var/lib/monopod/monopod.db for root, else monopod/monopod.db under $XDG_STATE_HOME.
  std::string store;
  EtcdLogin etcd;
  KubernetesLogin kubernetes;
  // Refuse a store that only this machine can see.
  bool require_shared = false;
  // For people; empty: POD_NAME (with POD_NAMESPACE and NODE_NAME) or the host name.
  std::string holder;
  // Longest silence of the store before the first contact, and of one whole administrative call.
  std::chrono::nanoseconds store_timeout = std::chrono::seconds(10);
  // Called for each event of each attempt, on the thread it happens on; must not block for long
  // nor call back into the client.
  std::function<void(const Event&)> on_event;
};

// Times of a hold. What is unset follows from the TTL; docs/PROTOCOL.md says which orders are
// refused and why.
struct HoldTimes {
  std::chrono::nanoseconds ttl = std::chrono::seconds(15);  // whole seconds, 2 s to 24 h
  std::optional<std::chrono::nanoseconds> renew;            // TTL/4
  std::optional<std::chrono::nanoseconds> attempt;          // min(TTL/6, 3 s)
  std::optional<std::chrono::nanoseconds> term;             // 0.6 TTL
  std::optional<std::chrono::nanoseconds> kill;             // 0.8 TTL
};

struct AcquireOptions {
  // How long to wait for other holders; nullopt waits for ever. 0 tries once, also against a
  // holder that is silent: use no_wait to sit out a dead one.
  std::optional<std::chrono::nanoseconds> wait = std::chrono::minutes(5);
  // Do not wait for a live holder. A holder that looks dead is watched until it is known to be
  // (its TTL and 1 %). `wait` does not count then.
  bool no_wait = false;
  HoldTimes times;
  // How many may hold at once: fixed by the lock's first use, refused (kInvalidArgument) when it
  // differs from the lock's. Unset: whatever the lock has, 1 at first use. 1 to 128.
  std::optional<int> slots;
  // More waiting after a holder that did not end clean, for work that is slow to die elsewhere.
  std::chrono::nanoseconds lock_delay{0};
  // Treat holders that are not monopod as stale after so long a silence. Unset: an elector's Lease
  // by its own duration (15 s at least if its holder was blanked), anything else never.
  std::optional<std::chrono::nanoseconds> foreign_ttl;
  // Begin work although earlier work may still run. Gives up the guarantee; tokens still rise.
  bool unsafe_no_recovery_delay = false;
  // Free text that others see with the lock. No secrets.
  std::string purpose;
  // Requested: the attempt is given up, and Acquire returns without a lock.
  std::stop_token cancel;
  // Told the work's deadlines (term and kill, on CLOCK_BOOTTIME) before Acquire returns and after
  // each renewal, for a supervisor that must not depend on this process being scheduled.
  std::function<void(std::chrono::nanoseconds term_at, std::chrono::nanoseconds kill_at)>
      on_deadlines;
};

struct Acquisition {
  std::optional<Lock> lock;  // empty: not acquired in time, or cancelled
  Holder owner;              // then: who holds it, as far as was seen
};

// A hold that outlives its process. Whoever has the text may renew and release the hold: treat it
// as a secret.
struct Handle {
  std::string lock;
  int slot = 0;
  Token token = 0;
  std::string instance;

  // "NAME:SLOT:TOKEN:INSTANCE".
  std::string ToString() const;
  static Result<Handle> Parse(std::string_view text);
};

struct HandleAcquisition {
  std::optional<Handle> handle;
  Holder owner;
};

enum class SlotState : std::uint8_t {
  kFree,
  kRecovering,  // claimed; earlier work may still run
  kHeld,
  kExpired,  // held, but its TTL has passed by the store's clock or by the stored times
  kRetired,  // a surplus slot of a lock that was made smaller
};
// "free", "recovering", "held", "expired", "retired".
std::string_view SlotStateName(SlotState state);

struct SlotStatus {
  int slot = 0;
  SlotState state = SlotState::kFree;
  Holder holder;         // `instance` is left out: it is part of the handle
  bool foreign = false;  // held by something that is not monopod
  HoldKind kind = HoldKind::kProcess;
  Token token = 0;  // of the hold, or of the last one
  WallTime acquired{};
  WallTime renewed{};  // when free: when the last hold ended
  std::chrono::milliseconds ttl{0};
  std::chrono::milliseconds owed{0};  // longest kill time of earlier work; 0 after a clean end
  std::string note;                   // how the last hold ended when it was not a release
};

struct LockStatus {
  std::string name;
  int slots = 1;
  int resize_to = 0;  // a smaller number that is not in force yet, or 0
  std::vector<SlotStatus> slot;
  // Only of List(): why a record of it cannot be read, which then is no part of `slot`. Repair it.
  std::optional<Error> unreadable = std::nullopt;
};

class LockClient {
 public:
  // Opens (and for SQLite creates) the store. kDenied: rights or a read-only file system;
  // kUnsupported: written by a newer monopod.
  static Result<LockClient> Open(ClientOptions options);
  LockClient(LockClient&&) noexcept;
  LockClient& operator=(LockClient&&) noexcept;
  ~LockClient();

  // The store's URL with nothing left out, and who sees it: "this machine only".
  const std::string& store() const;
  const std::string& scope() const;
  // As it will stand in records.
  const Holder& holder() const;

  // What Acquire would refuse on every store. A Lease allows less: a TTL of at least 7 s, killed at
  // least 1 s before 0.95 of it.
  static Result<void> Check(std::string_view lock, const AcquireOptions& options);

  // Claims the lock and waits for it. Blocks until held, given up, cancelled or failed. Being told
  // that somebody else holds it is not an error.
  Result<Acquisition> Acquire(std::string_view lock, const AcquireOptions& options);

  // The same for a hold that outlives this process (`sticky`: until release or break). on_deadlines
  // and the guarantee about work do not apply: nobody stops the work for you.
  Result<HandleAcquisition> AcquireHandle(std::string_view lock, const AcquireOptions& options,
                                          bool sticky);
  // Proves the hold for another TTL from now. kNotHolder: it is over; the message says who has it.
  Result<void> Renew(const Handle& handle);
  // kNotHolder as above. Releasing twice is kNotHolder, too.
  Result<void> Release(const Handle& handle);

  // kNotFound: nobody has used or created a lock of that name.
  Result<LockStatus> Status(std::string_view lock);
  // All locks, also those of which a record makes no sense (`unreadable`): nothing is known of who
  // holds these, however empty they look.
  Result<std::vector<LockStatus>> List();

  // Ends the hold with this token, whoever has it. Its holder stops as soon as it notices; the next
  // holder waits until its work is over. kNotHolder: that hold is over already.
  struct BreakRequest {
    std::string lock;
    Token token = 0;
    std::string reason;       // recorded, shown and logged
    std::optional<int> slot;  // needed when two slots are held with the same token
  };
  Result<void> Break(const BreakRequest& request);

  // Makes the lock known with its number of slots, for stores where holders may not create
  // records. Repeating it with the same number succeeds; with another it is kInvalidArgument.
  Result<void> Create(std::string_view lock, int slots);

  // Changes the number of slots: larger at once, smaller when the surplus holds have ended, which
  // is waited for until `wait` has passed. Returns whether it is in force; if not, it stays
  // pending, no more claims than the smaller number succeed, and another call completes it.
  Result<bool> Resize(std::string_view lock, int slots, std::chrono::nanoseconds wait);

 private:
  struct Impl;
  friend struct LockClientOverStore;
  explicit LockClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace monopod
