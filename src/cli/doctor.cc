// monopod doctor: what is wrong with the store and with its locks, and what to do about it.
#include <fmt/format.h>

#include <memory>

#include "src/base/clock.h"
#include "src/base/duration.h"
#include "src/cli/commands.h"
#include "src/doctor/etcd_checks.h"
#include "src/doctor/etcd_gatherer.h"
#include "src/doctor/sqlite_doctor.h"
#include "src/etcd/client/client.h"
#include "src/lock/store_url.h"

namespace monopod::cli {
namespace {

using doctor::Finding;
using doctor::Findings;
using std::chrono::nanoseconds;

constexpr const char* kFooter = R"(Examples:
  monopod doctor
  monopod doctor --store etcd://10.0.0.1:2379,10.0.0.2:2379 -o json
  monopod doctor --quota 8GiB
  monopod doctor keys monopod/locks/reboot/

It takes ten seconds at most. Exit codes: 0 nothing found, 1 warnings, 2 something is critical.)";
constexpr const char* kKeysFooter = R"(Examples:
  monopod doctor keys
  monopod doctor keys monopod/locks/ --limit 1000 -o json

Keys of claims contain what a handle contains: who reads them can release a lock.)";

// A disk may hang; the answer comes in time all the same.
constexpr std::chrono::seconds kSqlitePatience{9};
constexpr std::chrono::seconds kKeysPatience{9};
constexpr std::size_t kValueShown = 60;

struct DoctorFlags {
  std::int64_t quota = doctor::kDefaultQuota;
  std::string prefix;
  bool prefix_given = false;
  std::int64_t limit = 100;
};

double Seconds(nanoseconds time) { return std::chrono::duration<double>(time).count(); }

int ExitCodeOfWorst(const Findings& findings) {
  switch (doctor::Worst(findings)) {
    case doctor::Severity::kOk: return 0;
    case doctor::Severity::kWarning: return 1;
    case doctor::Severity::kCritical: return 2;
  }
  return kInternalError;
}

Json FindingsJson(const Findings& findings) {
  Json json = Json::array();
  for (const Finding& finding : findings) {
    json.push_back({{"severity", doctor::SeverityName(finding.severity)},
                    {"check", finding.check},
                    {"subject", finding.subject},
                    {"message", finding.message},
                    {"remedy", finding.remedy}});
  }
  return json;
}

std::string FindingsText(const Findings& findings) {
  if (findings.empty()) return "nothing found\n";
  std::string text;
  for (const Finding& finding : findings) {
    text += fmt::format("{:<8}  {:<9} {}: {}\n{:<8}  {:<9} -> {}\n",
                        doctor::SeverityName(finding.severity), finding.check, finding.subject,
                        finding.message, "", "", finding.remedy);
  }
  return text;
}

struct Diagnosis {
  std::string store;
  Findings findings;
  Json details = Json::object();  // of this kind of store
  std::string text;               // the same for people
};

int Tell(const Context& context, const Diagnosis& diagnosis) {
  Json json = {{"store", diagnosis.store},
               {"worst", doctor::SeverityName(doctor::Worst(diagnosis.findings))},
               {"findings", FindingsJson(diagnosis.findings)}};
  json.update(diagnosis.details);
  const int printed = context.PrintResult(json, [&](OutputFormat) {
    return fmt::format("store {}\n\n{}{}", diagnosis.store, diagnosis.text,
                       FindingsText(diagnosis.findings));
  });
  return printed == kOk ? ExitCodeOfWorst(diagnosis.findings) : printed;
}

// Microseconds matter here.
std::string Milliseconds(nanoseconds time) {
  return fmt::format("{:.1f}ms", std::chrono::duration<double, std::milli>(time).count());
}

std::string Mebibytes(std::int64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1024.0 * 1024.0));
}

Json MemberJson(const doctor::MemberFacts& member) {
  Json json = {{"endpoint", member.endpoint},
               {"configured", member.configured},
               {"reachable", member.status.has_value()}};
  if (!member.status) {
    json["error"] = member.error.message;
    return json;
  }
  json["latency_seconds"] = Seconds(member.latency);
  json["version"] = member.status->version;
  json["leader"] = member.status->member == member.status->leader;
  json["raft_index"] = member.status->raft_index;
  json["raft_applied_index"] = member.status->raft_applied_index;
  json["database_bytes"] = member.status->database_bytes;
  json["database_bytes_in_use"] = member.status->database_bytes_in_use;
  return json;
}

std::string MemberTable(const doctor::EtcdFacts& facts) {
  std::vector<std::vector<std::string>> rows;
  for (const doctor::MemberFacts& member : facts.members) {
    if (!member.status) {
      rows.push_back({member.endpoint, "no", "-", "-", "-", "-", "-"});
      continue;
    }
    const etcd::MemberStatus& status = *member.status;
    rows.push_back({member.endpoint, "yes", Milliseconds(member.latency), status.version,
                    status.member == status.leader ? "yes" : "no",
                    fmt::format("{}/{}", status.raft_applied_index, status.raft_index),
                    Mebibytes(status.database_bytes)});
  }
  return ToTable({"MEMBER", "ANSWERS", "LATENCY", "VERSION", "LEADER", "APPLIED", "SIZE"}, rows);
}

Diagnosis DiagnoseEtcd(const etcd::ClientOptions& options, std::int64_t quota) {
  const doctor::EtcdFacts facts = doctor::GatherEtcd(options, quota);
  Diagnosis diagnosis{.store = options.Url(), .findings = doctor::CheckEtcd(facts)};
  diagnosis.details = {{"members", Json::array()}, {"quota_bytes", quota}};
  for (const doctor::MemberFacts& member : facts.members) {
    diagnosis.details["members"].push_back(MemberJson(member));
  }
  diagnosis.text = MemberTable(facts) + "\n";
  if (const auto commit = doctor::SlowestCommit(facts)) {
    diagnosis.details["commit_seconds"] = Seconds(*commit);
    const auto ttl = doctor::SmallestSensibleTtl(*commit);
    if (ttl) diagnosis.details["smallest_ttl_seconds"] = Seconds(*ttl);
    diagnosis.text += fmt::format(
        "The slowest of {} commits took {}. A try to renew may take TTL/6 and should have ten "
        "times "
        "as long: {}.\n\n",
        facts.commits.size(), Milliseconds(*commit),
        ttl ? "the smallest sensible TTL is " + FormatDuration(*ttl) : "no TTL allows that");
  }
  return diagnosis;
}

Diagnosis DiagnoseSqlite(const lock::StoreUrl& url) {
  const doctor::SqliteFacts facts = doctor::GatherSqlite(url.path, kSqlitePatience);
  Diagnosis diagnosis{.store = url.ToString(), .findings = doctor::CheckSqlite(facts)};
  diagnosis.details = {{"locks", facts.records.size()}};
  if (facts.free_bytes) {
    diagnosis.details["free_bytes"] = *facts.free_bytes;
    diagnosis.text = fmt::format("{} free on its file system\n\n", Mebibytes(*facts.free_bytes));
  }
  return diagnosis;
}

Result<etcd::ClientOptions> ResolveEtcd(const Context& context, const lock::StoreUrl& url) {
  return etcd::Resolve(url.path,
                       {.cacert = context.etcd.cacert,
                        .cert = context.etcd.cert,
                        .key = context.etcd.key,
                        .user = context.etcd.user,
                        .password = context.etcd.password,
                        .password_file = context.etcd.password_file},
                       etcd::ProcessEnvironment());
}

int Diagnose(const DoctorFlags& flags, const Context& context) {
  const auto url = lock::ParseStoreUrl(context.store);
  if (!url) return context.Fail(url.error());
  switch (url->kind) {
    case lock::StoreUrl::Kind::kMemory:
      return context.Fail(kUsage, "memory: ends with its process: there is nothing to examine");
    case lock::StoreUrl::Kind::kSqlite: return Tell(context, DiagnoseSqlite(*url));
    case lock::StoreUrl::Kind::kEtcd: {
      const auto options = ResolveEtcd(context, *url);
      if (!options) return context.Fail(options.error());
      return Tell(context, DiagnoseEtcd(*options, flags.quota));
    }
    case lock::StoreUrl::Kind::kLease:
    case lock::StoreUrl::Kind::kConfigMap:
      return context.Fail(
          kUsage,
          "the doctor examines etcd and SQLite; of a Kubernetes cluster `monopod ls "
          "-o wide` shows the locks, and kubectl describe the objects");
  }
  return kInternalError;
}

// The beginning of a text with what a terminal cannot print left out.
std::string Printable(const std::string& text, std::size_t limit) {
  std::string printable;
  for (const char c : text.substr(0, limit)) printable += c >= ' ' && c <= '~' ? c : '.';
  return text.size() > limit ? printable + "..." : printable;
}

Json KeyJson(const doctor::KeyListing::Key& key) {
  Json json = {{"key", key.at.key},
               {"create_revision", key.at.create_revision},
               {"mod_revision", key.at.mod_revision}};
  if (key.at.lease != etcd::kNoLease) json["lease"] = fmt::format("{:x}", key.at.lease);
  if (key.lease) {
    json["ttl_seconds"] = Seconds(key.lease->granted);
    json["ttl_left_seconds"] = Seconds(key.lease->left);
  }
  json["bytes"] = key.at.value.size();
  json["value"] = Printable(key.at.value, kValueShown);
  return json;
}

std::string KeyTable(const doctor::KeyListing& listing) {
  std::vector<std::vector<std::string>> rows;
  for (const doctor::KeyListing::Key& key : listing.keys) {
    const bool leased = key.at.lease != etcd::kNoLease;
    rows.push_back({Printable(key.at.key, 1000), std::to_string(key.at.create_revision),
                    std::to_string(key.at.mod_revision),
                    leased ? fmt::format("{:x}", key.at.lease) : "-",
                    !leased      ? "-"
                    : !key.lease ? "?"
                                 : FormatDuration(key.lease->left),
                    std::to_string(key.at.value.size()), Printable(key.at.value, kValueShown)});
  }
  return ToTable({"KEY", "CREATED", "MODIFIED", "LEASE", "LEFT", "BYTES", "VALUE"}, rows) +
         (listing.more ? "There are more: --limit.\n" : "");
}

int ListKeys(const DoctorFlags& flags, const Context& context) {
  const auto url = lock::ParseStoreUrl(context.store);
  if (!url) return context.Fail(url.error());
  if (url->kind != lock::StoreUrl::Kind::kEtcd) {
    return context.Fail(kUsage,
                        "only etcd has keys; a SQLite store is read with "
                        "sqlite3 FILE 'SELECT * FROM locks'");
  }
  const auto options = ResolveEtcd(context, *url);
  if (!options) return context.Fail(options.error());
  const auto client = etcd::MakeClient(*options);
  const auto listing = doctor::ListKeys(
      *client,
      {.prefix = flags.prefix_given ? flags.prefix : options->prefix, .limit = flags.limit},
      BootClock::now() + kKeysPatience);
  if (!listing) return context.Fail(listing.error());
  Json json = {{"keys", Json::array()}, {"more", listing->more}};
  for (const auto& key : listing->keys) json["keys"].push_back(KeyJson(key));
  return context.PrintResult(json, [&](OutputFormat) { return KeyTable(*listing); });
}

}  // namespace

void AddDoctor(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("doctor", "Examine the store and its locks");
  command->footer(kFooter);
  const auto flags = std::make_shared<DoctorFlags>();
  command
      ->add_option("--quota", flags->quota,
                   "Space that etcd was given (its --quota-backend-bytes; default: 2GiB)")
      ->transform(CLI::AsSizeValue(false))
      ->check([](const std::string& bytes) {
        return std::string(bytes.starts_with('-') || bytes == "0" ? "it must be more than 0" : "");
      })
      ->type_name("SIZE")
      ->option_text("SIZE");
  AddOutputFlag(*command, context);
  auto* keys = command->add_subcommand("keys", "List the keys of an etcd by hand, as they are");
  keys->footer(kKeysFooter);
  auto* prefix =
      keys->add_option("PREFIX", flags->prefix, "Of the keys (default: the store's; '' for all)");
  keys->add_option("--limit", flags->limit, "How many keys at most")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{100'000}))
      ->option_text("NUMBER [100]");
  AddOutputFlag(*keys, context);
  command->callback([command, keys, prefix, flags, &context] {
    flags->prefix_given = prefix->count() > 0;
    const bool list = command->got_subcommand(keys);
    context.action = [list, flags, &context] {
      return list ? ListKeys(*flags, context) : Diagnose(*flags, context);
    };
  });
}

}  // namespace monopod::cli
