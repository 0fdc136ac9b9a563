#include "src/doctor/etcd_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "src/base/duration.h"
#include "src/doctor/known_bugs.h"
#include "src/doctor/lock_checks.h"
#include "src/protocol/times.h"

namespace monopod::doctor {
namespace {

using std::chrono::nanoseconds;

// A tenth of the gap at which etcd refuses proposals.
constexpr std::uint64_t kLagWarning = 500;
constexpr std::uint64_t kLagCritical = 5000;
constexpr double kFillWarning = 0.8;
constexpr double kFillCritical = 0.95;
// A renewal should have this many times as long as a commit took.
constexpr int kReserve = 10;

std::string Mebibytes(std::int64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1024.0 * 1024.0));
}

std::string NameOf(const EtcdFacts& facts, etcd::MemberId id) {
  for (const MemberFacts& member : facts.members) {
    if (member.status && member.status->member == id) return member.endpoint;
  }
  const auto listed = std::ranges::find(facts.listed, id, &etcd::Member::member);
  if (listed != facts.listed.end() && !listed->name.empty()) return listed->name;
  return id == etcd::kNoMember ? "the cluster" : fmt::format("member {:x}", id);
}

Finding Unreachable(const EtcdFacts& facts, const MemberFacts& member) {
  Finding finding{.severity = Severity::kWarning,
                  .check = "member",
                  .subject = member.endpoint,
                  .message = "does not answer: " + member.error.message,
                  .remedy =
                      "start it, or look at the network between here and it; if it is gone "
                      "for good, `etcdctl member remove` it and add another"};
  if (member.error.code == ErrorCode::kDenied) {
    finding.message = "refuses: " + member.error.message;
    finding.remedy = "fix the certificate, user or password (--cacert, --cert, --key, --user)";
  }
  if (facts.read_failed) finding.severity = Severity::kCritical;
  return finding;
}

void CheckVersion(const MemberFacts& member, Findings& findings) {
  const auto version = ParseEtcdVersion(member.status->version);
  if (!version) return;
  const auto bugs = BugsOf(*version);
  if (bugs.empty()) return;
  const auto fixed = FirstWithout(*version, bugs);
  Finding finding{.check = "version", .subject = member.endpoint};
  const KnownBug* worst = *std::ranges::max_element(bugs, {}, &KnownBug::severity);
  finding.severity = worst->severity;
  finding.message = fmt::format("etcd {} has known bugs: {} ({})", member.status->version,
                                worst->what, worst->reference);
  for (const KnownBug* bug : bugs) {
    if (bug != worst) finding.message += fmt::format(", {}", bug->reference);
  }
  finding.remedy =
      fixed
          ? fmt::format("upgrade it to {}.{}.{} or later", fixed->major, fixed->minor, fixed->patch)
          : std::string("upgrade it to a minor version of etcd that is still maintained");
  findings.push_back(std::move(finding));
}

void CheckLag(const EtcdFacts& facts, const MemberFacts& member, Findings& findings) {
  std::uint64_t newest = 0;
  for (const MemberFacts& each : facts.members) {
    if (each.status) newest = std::max(newest, each.status->raft_index);
  }
  const std::uint64_t applied = member.status->raft_applied_index;
  const std::uint64_t lag = newest > applied ? newest - applied : 0;
  if (lag < kLagWarning) return;
  findings.push_back(
      {.severity = lag < kLagCritical ? Severity::kWarning : Severity::kCritical,
       .check = "lag",
       .subject = member.endpoint,
       .message = fmt::format("has not applied {} entries of the log that others have", lag),
       .remedy =
           "look for a slow disk or processor at that member (etcd wants a disk of its own)"});
}

void CheckSize(const EtcdFacts& facts, const MemberFacts& member, Findings& findings) {
  const auto quota = static_cast<double>(facts.quota);
  const auto size = static_cast<double>(member.status->database_bytes);
  const auto used = static_cast<double>(member.status->database_bytes_in_use);
  if (quota <= 0 || size < quota * kFillWarning) return;
  Finding finding{
      .severity = size < quota * kFillCritical ? Severity::kWarning : Severity::kCritical,
      .check = "size",
      .subject = member.endpoint};
  finding.message = fmt::format(
      "the database has {} of {} ({} in use); when it is full, nothing can be locked or renewed",
      Mebibytes(member.status->database_bytes), Mebibytes(facts.quota),
      Mebibytes(member.status->database_bytes_in_use));
  finding.remedy =
      used < size / 2
          ? fmt::format("`etcdctl --endpoints={} defrag`, one member after the other",
                        member.endpoint)
          : std::string(
                "`etcdctl compact REVISION`, then `etcdctl defrag`, one member after the "
                "other; or start etcd with a larger --quota-backend-bytes");
  finding.remedy += " (if etcd has another quota than this, say so: --quota)";
  findings.push_back(std::move(finding));
}

}  // namespace

Findings CheckMembers(const EtcdFacts& facts) {
  Findings findings;
  for (const MemberFacts& member : facts.members) {
    if (!member.status) {
      findings.push_back(Unreachable(facts, member));
      continue;
    }
    if (member.status->leader == etcd::kNoMember) {
      findings.push_back({.severity = Severity::kCritical,
                          .check = "leader",
                          .subject = member.endpoint,
                          .message = "knows no leader: the members that it reaches are no majority",
                          .remedy = "start the other members, or mend the network between them"});
    }
    CheckVersion(member, findings);
    CheckLag(facts, member, findings);
    CheckSize(facts, member, findings);
  }
  return findings;
}

Findings CheckCluster(const EtcdFacts& facts) {
  Findings findings;
  if (facts.read_failed) {
    const bool denied = facts.read_failed->code == ErrorCode::kDenied;
    findings.push_back({.severity = Severity::kCritical,
                        .check = "read",
                        .subject = facts.prefix,
                        .message = "the locks cannot be read: " + facts.read_failed->message,
                        .remedy = denied ? fmt::format("give the user a role: `etcdctl role "
                                                       "grant-permission --prefix=true ROLE "
                                                       "readwrite {}`",
                                                       facts.prefix)
                                         : std::string("bring a majority of the members back")});
  }
  if (facts.write_failed && !facts.read_failed) {
    const bool denied = facts.write_failed->code == ErrorCode::kDenied;
    findings.push_back({.severity = Severity::kCritical,
                        .check = "write",
                        .subject = facts.prefix,
                        .message = "no lock can be taken: " + facts.write_failed->message,
                        .remedy = denied ? fmt::format("give the user a role: `etcdctl role "
                                                       "grant-permission --prefix=true ROLE "
                                                       "readwrite {}`",
                                                       facts.prefix)
                                         : std::string("bring a majority of the members back")});
  }
  for (const etcd::Alarm& alarm : facts.alarms) {
    Finding finding{
        .severity = Severity::kCritical, .check = "alarm", .subject = NameOf(facts, alarm.member)};
    switch (alarm.kind) {
      case etcd::Alarm::Kind::kNoSpace:
        finding.message = "NOSPACE: the quota is used up; nothing can be locked or renewed";
        finding.remedy =
            "`etcdctl compact REVISION`, `etcdctl defrag`, then `etcdctl alarm disarm`";
        break;
      case etcd::Alarm::Kind::kCorrupt:
        finding.message = "CORRUPT: its data differs from the others'";
        finding.remedy = "`etcdctl member remove` it, delete its data, and add it anew";
        break;
      case etcd::Alarm::Kind::kOther:
        finding.message = "an alarm that this monopod does not know";
        finding.remedy = "`etcdctl alarm list`";
        break;
    }
    findings.push_back(std::move(finding));
  }
  if (facts.kubernetes) {
    findings.push_back({.severity = Severity::kWarning,
                        .check = "kubernetes",
                        .subject = "/registry/",
                        .message = "this is the etcd of a Kubernetes control plane: whoever "
                                   "reaches it owns the cluster, and locks slow it down",
                        .remedy = "use an etcd of your own for locks"});
  }
  return findings;
}

std::optional<nanoseconds> SlowestCommit(const EtcdFacts& facts) {
  const auto slowest = std::ranges::max_element(facts.commits);
  if (slowest == facts.commits.end()) return std::nullopt;
  return *slowest;
}

std::optional<std::chrono::seconds> SmallestSensibleTtl(nanoseconds commit) {
  for (std::chrono::seconds ttl = protocol::kMinTtl; ttl <= std::chrono::seconds(30); ++ttl) {
    const auto times = protocol::MakeTimes({.ttl = ttl});
    if (times && times->attempt >= commit * kReserve) return ttl;
  }
  return std::nullopt;
}

Findings CheckLatency(const EtcdFacts& facts) {
  const auto commit = SlowestCommit(facts);
  if (!commit) return {};
  const auto ttl = SmallestSensibleTtl(*commit);
  const std::string remedy =
      "look for a slow disk at the leader, or for distance between the members";
  if (!ttl) {
    return {{.severity = Severity::kCritical,
             .check = "latency",
             .subject = "the cluster",
             .message = fmt::format("a commit took {}: too long for any TTL, since one try to "
                                    "renew may take 3s at most and should have {} times as long",
                                    FormatDuration(*commit), kReserve),
             .remedy = remedy}};
  }
  Findings findings;
  if (*ttl > protocol::kDefaultTtl) {
    findings.push_back(
        {.severity = Severity::kWarning,
         .check = "latency",
         .subject = "the cluster",
         .message = fmt::format("a commit took {}: the default TTL of {} leaves "
                                "too little time to try again",
                                FormatDuration(*commit), FormatDuration(protocol::kDefaultTtl)),
         .remedy = fmt::format("--ttl {} or more; {}", FormatDuration(*ttl), remedy)});
  }
  for (const LockFacts& lock : facts.locks) {
    std::chrono::milliseconds shortest{0};
    for (const etcd::KeyValue& member : lock.contents.members) {
      const auto value = etcd::DecodeMember(member);
      const bool counts = value && value->kind == HoldKind::kProcess && value->ttl.count() > 0;
      if (counts && (shortest.count() == 0 || value->ttl < shortest)) shortest = value->ttl;
    }
    if (shortest.count() == 0 || shortest >= *ttl) continue;
    findings.push_back({.severity = Severity::kWarning,
                        .check = "ttl",
                        .subject = lock.name,
                        .message = fmt::format("is held or waited for with a TTL of {}, and a "
                                               "commit took {}: one slow commit more, and the "
                                               "hold is lost",
                                               FormatDuration(shortest), FormatDuration(*commit)),
                        .remedy = fmt::format("--ttl {} or more", FormatDuration(*ttl))});
  }
  return findings;
}

Findings CheckEtcd(const EtcdFacts& facts) {
  Findings findings;
  for (auto* check : {&CheckMembers, &CheckCluster, &CheckLatency, &CheckLocks}) {
    Findings found = check(facts);
    std::ranges::move(found, std::back_inserter(findings));
  }
  SortByWorst(findings);
  return findings;
}

}  // namespace monopod::doctor
