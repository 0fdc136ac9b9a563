#include "src/doctor/known_bugs.h"

#include <algorithm>
#include <charconv>

namespace monopod::doctor {
namespace {

// The text behind the number, or nothing if it does not begin with one.
std::optional<std::string_view> TakeNumber(std::string_view text, int& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return std::nullopt;
  return text.substr(static_cast<std::size_t>(end - text.data()));
}

bool SameMinor(const EtcdVersion& a, const EtcdVersion& b) {
  return a.major == b.major && a.minor == b.minor;
}

bool Has(const EtcdVersion& version, const KnownBug& bug) {
  if (!bug.since.empty() && std::ranges::none_of(bug.since, [&](const EtcdVersion& since) {
        return SameMinor(since, version) && since <= version;
      })) {
    return false;
  }
  for (const EtcdVersion& fixed : bug.fixed) {
    if (SameMinor(fixed, version)) return version < fixed;
  }
  // Minor versions that never got a fix, before those that did.
  return version < bug.fixed.front();
}

}  // namespace

std::optional<EtcdVersion> ParseEtcdVersion(std::string_view text) {
  EtcdVersion version;
  for (int* part : {&version.major, &version.minor, &version.patch}) {
    const auto rest = TakeNumber(text, *part);
    if (!rest) return std::nullopt;
    text = *rest;
    if (part == &version.patch) break;
    if (!text.starts_with('.')) return std::nullopt;
    text.remove_prefix(1);
  }
  return version;
}

const std::vector<KnownBug>& KnownBugs() {
  static const std::vector<KnownBug> kBugs = {
      {Severity::kCritical,
       "etcd-io/etcd#13766",
       "members can end up with different data after a crash",
       {{3, 5, 0}},
       {{3, 5, 3}}},
      {Severity::kCritical,
       "etcd-io/etcd#14370",
       "a cluster of one member can lose writes that it acknowledged",
       {},
       {{3, 4, 21}, {3, 5, 5}}},
      {Severity::kCritical,
       "etcd-io/etcd#14571",
       "with users and roles, a member that is added can end up with different data",
       {{3, 4, 20}, {3, 5, 5}},
       {{3, 4, 22}, {3, 5, 6}}},
      {Severity::kCritical,
       "etcd-io/etcd#14733",
       "members can end up with different data after a crash while defragmenting",
       {{3, 5, 0}},
       {{3, 5, 6}}},
      {Severity::kWarning,
       "etcd-io/etcd#15247",
       "a leader that was deposed while its disk hung revokes leases that are alive: a hold ends "
       "early, and the next waits until its work must be over",
       {},
       {{3, 4, 31}, {3, 5, 13}}},
      {Severity::kWarning,
       "etcd-io/etcd#17529",
       "a busy watch stream can lose events: who waits for a lock may learn late that it is free",
       {},
       {{3, 4, 31}, {3, 5, 13}}},
      {Severity::kWarning,
       "etcd-io/etcd#18089",
       "a watch can miss a deletion at the revision that is compacted",
       {},
       {{3, 4, 34}, {3, 5, 16}}},
      {Severity::kWarning,
       "etcd-io/etcd#19179",
       "a watch that begins at the revision that is compacted can miss a deletion",
       {},
       {{3, 4, 36}, {3, 5, 18}}},
      {Severity::kWarning,
       "etcd-io/etcd#20813",
       "the renewal of a lease that is being revoked is answered with success",
       {},
       {{3, 4, 38}, {3, 5, 23}, {3, 6, 5}}},
      {Severity::kWarning,
       "etcd-io/etcd#20418",
       "a read can be answered with old data after the member's process was paused",
       {},
       {{3, 4, 42}, {3, 5, 28}, {3, 6, 9}}},
      {Severity::kWarning,
       "CVE-2026-33343",
       "a user can get around the key ranges of his role with nested transactions",
       {},
       {{3, 4, 42}, {3, 5, 28}, {3, 6, 9}}},
      {Severity::kWarning,
       "CVE-2026-33413",
       "some calls do not ask for the rights that they need",
       {},
       {{3, 4, 42}, {3, 5, 28}, {3, 6, 9}}},
      {Severity::kWarning,
       "CVE-2026-44283",
       "a user can read keys outside his role by a put within a transaction",
       {},
       {{3, 4, 44}, {3, 5, 30}, {3, 6, 11}}},
  };
  return kBugs;
}

std::vector<const KnownBug*> BugsOf(const EtcdVersion& version) {
  std::vector<const KnownBug*> bugs;
  for (const KnownBug& bug : KnownBugs()) {
    if (Has(version, bug)) bugs.push_back(&bug);
  }
  return bugs;
}

std::optional<EtcdVersion> FirstWithout(const EtcdVersion& version,
                                        const std::vector<const KnownBug*>& bugs) {
  std::optional<EtcdVersion> first;
  for (const KnownBug* bug : bugs) {
    const auto fixed = std::ranges::find_if(
        bug->fixed, [&](const EtcdVersion& each) { return SameMinor(each, version); });
    if (fixed == bug->fixed.end()) return std::nullopt;
    first = std::max(first.value_or(*fixed), *fixed);
  }
  return first;
}

}  // namespace monopod::doctor
