#include "src/doctor/lock_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/base/duration.h"
#include "src/etcd/lock_keys.h"
#include "src/etcd/lock_picture.h"
#include "src/etcd/lock_values.h"

namespace monopod::doctor {
namespace {

using etcd::Claimed;
using etcd::LockPicture;

// One lock under examination.
struct Case {
  const EtcdFacts& facts;
  const LockFacts& lock;
  const etcd::LockKeys keys;
  const LockPicture picture;
  Findings& findings;

  void Add(Severity severity, std::string check, std::string message, std::string remedy) {
    findings.push_back({.severity = severity,
                        .check = std::move(check),
                        .subject = lock.name,
                        .message = std::move(message),
                        .remedy = std::move(remedy)});
  }
  void Warn(std::string check, std::string message, std::string remedy) {
    Add(Severity::kWarning, std::move(check), std::move(message), std::move(remedy));
  }

  bool SomebodyIsThere() const { return std::ranges::any_of(picture.claims, &Claimed::alive); }
  std::string RunOnce() const {
    return fmt::format("`monopod run {} --no-wait -- true`", lock.name);
  }
  std::string Break(const Claimed& claimed, std::string_view reason) const {
    return fmt::format("`monopod break {} --token {} --reason \"{}\"`", lock.name, claimed.created,
                       reason);
  }
};

std::string HolderOf(const Claimed& claimed) {
  const Holder& holder = claimed.member.holder;
  return fmt::format("{}{}", holder.name.empty() ? "an unknown holder" : holder.name,
                     holder.node.empty() ? "" : " on " + holder.node);
}

void CheckValues(Case& at) {
  const auto look = [&](const etcd::KeyValue& key, const auto& value) {
    if (value) return;
    at.Add(Severity::kCritical, "format", value.error().message,
           fmt::format("upgrade monopod; if somebody wrote the key by hand, `etcdctl del {}`",
                       ShellQuoted(key.key)));
  };
  for (const etcd::KeyValue& member : at.lock.contents.members) {
    if (at.keys.IdOfMember(member.key)) look(member, etcd::DecodeMember(member));
  }
  for (const etcd::KeyValue& marker : at.lock.contents.markers) {
    if (at.keys.IdOfMarker(marker.key)) look(marker, etcd::DecodeMarker(marker));
  }
  const auto& slots = at.lock.contents.slots;
  if (slots) look(*slots, etcd::DecodeSlots(*slots));
}

// A living holder of `run` keeps its lease above three quarters of its TTL.
void CheckSilentHolders(Case& at) {
  for (const Claimed* holder : at.picture.Holders()) {
    if (!holder->alive || holder->foreign || holder->member.kind != HoldKind::kProcess) continue;
    const auto member =
        std::ranges::find(at.lock.contents.members, holder->key, &etcd::KeyValue::key);
    if (member == at.lock.contents.members.end()) continue;
    const auto lease = at.lock.leases.find(member->lease);
    if (lease == at.lock.leases.end() || lease->second.left.count() < 0) continue;
    if (lease->second.left * 2 >= lease->second.granted) continue;
    at.Warn(
        "stuck",
        fmt::format("its holder, {}, has not renewed its lease for {} of {}: it hangs, was "
                    "stopped, or does not reach etcd",
                    HolderOf(*holder), FormatDuration(lease->second.granted - lease->second.left),
                    FormatDuration(lease->second.granted)),
        fmt::format("look at that process; the hold ends by itself when its lease has expired, "
                    "or at once with {}",
                    at.Break(*holder, "holder is silent")));
  }
}

// A claim whose member is gone is tidied away by whoever comes next.
void CheckOrphans(Case& at) {
  if (at.SomebodyIsThere()) return;
  for (const Claimed& claimed : at.picture.claims) {
    if (claimed.ended || !at.lock.orphans_before.contains(claimed.key)) continue;
    at.Warn("stuck",
            fmt::format("its last holder, {}, ended without a release, and nobody has asked "
                        "since{}",
                        HolderOf(claimed),
                        claimed.marker.note.empty() ? "" : ": " + claimed.marker.note),
            fmt::format("see whether its work is complete; {} waits until it must be over, and "
                        "tidies up",
                        at.RunOnce()));
    return;
  }
}

// What is left where everything was over is harmless, but should not be.
void CheckLeftovers(Case& at) {
  if (at.SomebodyIsThere() || std::ranges::any_of(at.picture.claims, [](const Claimed& claimed) {
        return !claimed.ended;
      })) {
    return;
  }
  const bool markers = std::ranges::any_of(at.picture.claims, [&](const Claimed& claimed) {
    return at.lock.orphans_before.contains(claimed.key);
  });
  // Stands for "look at all claims" after a resize.
  const bool tail = at.lock.contents.tail && at.lock.contents.tail->value == at.lock.tail_before &&
                    at.lock.tail_before != "?";
  if (!markers && !tail) return;
  at.Warn("leftover",
          fmt::format("is free, but {} left of claims that are over",
                      markers ? "markers are" : "a tail is"),
          at.RunOnce() + " tidies up");
}

void CheckForeign(Case& at) {
  for (const Claimed& claimed : at.picture.claims) {
    if (!claimed.foreign) continue;
    const auto member =
        std::ranges::find(at.lock.contents.members, claimed.key, &etcd::KeyValue::key);
    const auto holders = at.picture.Holders();
    const bool holds = std::ranges::find(holders, &claimed) != holders.end();
    const std::string end = holds ? at.Break(claimed, "foreign key")
                                  : fmt::format("`etcdctl del {}`", ShellQuoted(claimed.key));
    if (member != at.lock.contents.members.end() && member->lease == etcd::kNoLease) {
      at.Add(Severity::kCritical, "foreign",
             fmt::format("the key {} in its queue is not monopod's and has no lease: whoever is "
                         "behind it waits for ever",
                         claimed.key),
             "if nobody needs it, " + end);
      continue;
    }
    at.Warn("foreign",
            fmt::format("the key {} in its queue is not monopod's (`etcdctl lock`, or Go's "
                        "concurrency.Mutex): its work does not stop when its lease is lost",
                        claimed.key),
            "let that program use monopod; to end its hold, stop it, then " + end);
  }
}

void CheckSticky(Case& at) {
  for (const Claimed& claimed : at.picture.claims) {
    if (!claimed.alive || claimed.foreign || claimed.member.kind != HoldKind::kSticky) continue;
    if (claimed.member.acquired == WallTime{}) continue;
    const auto age = at.facts.now - claimed.member.acquired;
    if (age <= kOldSticky) continue;
    at.Warn("sticky",
            fmt::format("{} holds it with --sticky since {}, and nothing but a release or a break "
                        "ends that",
                        HolderOf(claimed), FormatWallTime(claimed.member.acquired)),
            fmt::format("`monopod release` with its handle; if that is lost, {}",
                        at.Break(claimed, "sticky hold was forgotten")));
  }
}

void CheckQueue(Case& at) {
  if (const int waiting = at.picture.Waiting(); waiting > kCrowd) {
    at.Warn("crowded", fmt::format("{} wait for it", waiting),
            fmt::format("shorter work under the lock, or several locks; if the work allows more "
                        "than one at a time, more slots for those who come then: "
                        "`monopod resize {} --slots {}`",
                        at.lock.name, at.picture.slots.slots + 1));
  }
  const bool many = at.lock.ended >= kFlappingEnds;
  const bool unclean = at.lock.ended_unclean >= kFlappingUnclean;
  if (many || unclean) {
    at.Warn("flapping",
            fmt::format("{} holds ended within {}, {} of them without a release", at.lock.ended,
                        FormatDuration(at.facts.watched), at.lock.ended_unclean),
            unclean ? "see the log of its holders: they die, or lose the lock"
                    : "see whether its holders fail at once; else do more work under one hold");
  }
  if (at.picture.slots.before > at.picture.slots.slots) {
    at.Warn("resize",
            fmt::format("is to have {} slots and still has {}: a resize waits for the surplus "
                        "holds to end",
                        at.picture.slots.slots, at.picture.slots.before),
            fmt::format("`monopod resize {} --slots {} --wait 5m`", at.lock.name,
                        at.picture.slots.slots));
  }
}

}  // namespace

std::string ShellQuoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return quoted + "'";
}

Findings CheckLocks(const EtcdFacts& facts) {
  Findings findings;
  if (facts.too_many_keys) {
    findings.push_back({.severity = Severity::kWarning,
                        .check = "keys",
                        .subject = facts.prefix,
                        .message = "has so many keys that its locks were not examined one by one",
                        .remedy = fmt::format("`monopod doctor keys {}`: does all that belong "
                                              "here? Else give locks a prefix of their own: "
                                              "etcd://.../PREFIX",
                                              ShellQuoted(facts.prefix))});
  }
  for (const LockFacts& lock : facts.locks) {
    const etcd::LockKeys keys(facts.prefix, lock.name);
    auto picture = etcd::DrawLock(lock.name, keys, lock.contents);
    Case at{.facts = facts,
            .lock = lock,
            .keys = keys,
            .picture = picture ? std::move(*picture) : LockPicture{},
            .findings = findings};
    CheckValues(at);
    if (!picture) continue;
    for (auto* check : {&CheckForeign, &CheckSilentHolders, &CheckOrphans, &CheckSticky,
                        &CheckQueue, &CheckLeftovers}) {
      check(at);
    }
  }
  return findings;
}

}  // namespace monopod::doctor
