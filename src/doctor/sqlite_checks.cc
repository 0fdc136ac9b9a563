#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/base/duration.h"
#include "src/base/lock_name.h"
#include "src/doctor/lock_checks.h"
#include "src/doctor/sqlite_doctor.h"
#include "src/protocol/times.h"
#include "src/store/sqlite_schema.h"

namespace monopod::doctor {
namespace {

constexpr std::int64_t kMebibyte = std::int64_t{1024} * 1024;
constexpr std::int64_t kLittleSpace = 64 * kMebibyte;
constexpr std::int64_t kNoSpace = kMebibyte;

Finding Critical(const SqliteFacts& facts, std::string check, std::string message,
                 std::string remedy) {
  return {.severity = Severity::kCritical,
          .check = std::move(check),
          .subject = facts.path,
          .message = std::move(message),
          .remedy = std::move(remedy)};
}

Finding Warning(const SqliteFacts& facts, std::string check, std::string message,
                std::string remedy) {
  Finding finding = Critical(facts, std::move(check), std::move(message), std::move(remedy));
  finding.severity = Severity::kWarning;
  return finding;
}

void CheckFile(const SqliteFacts& facts, Findings& findings) {
  if (!facts.stuck_at.empty()) {
    findings.push_back(Critical(facts, "disk",
                                fmt::format("{} did not end in time", facts.stuck_at),
                                "look at the disk (`dmesg`), or at who keeps the file locked"));
  }
  if (facts.location) {
    findings.push_back(Critical(facts, "file", facts.location->message,
                                facts.location->code == ErrorCode::kDenied
                                    ? "give this user the rights to the file and its directory"
                                    : "choose another path: --store sqlite:PATH"));
  } else if (!facts.exists && facts.stuck_at.empty()) {
    findings.push_back(Warning(facts, "file",
                               "does not exist or is empty: nothing was ever locked in it",
                               "check the path; the first lock makes the file"));
  }
  if (facts.free_bytes && *facts.free_bytes < kLittleSpace) {
    Finding finding = Warning(facts, "space",
                              fmt::format("its file system has {} KiB left; when it is full, "
                                          "nothing can be locked or renewed",
                                          *facts.free_bytes / 1024),
                              "make room, or move the store: --store sqlite:PATH");
    if (*facts.free_bytes < kNoSpace) finding.severity = Severity::kCritical;
    findings.push_back(std::move(finding));
  }
}

void CheckDatabase(const SqliteFacts& facts, Findings& findings) {
  if (facts.opened) {
    findings.push_back(Critical(facts, "open", facts.opened->message,
                                "if it is no store of monopod's, name another: --store "
                                "sqlite:PATH; if it is damaged, stop all holders and remove it"));
    return;
  }
  if (!facts.exists || facts.journal_mode.empty()) return;
  if (facts.application_id != store::kApplicationId) {
    findings.push_back(Critical(facts, "format", "is a database of another program",
                                "name another file: --store sqlite:PATH"));
    return;
  }
  if (facts.layout > store::kLayoutVersion) {
    findings.push_back(
        Critical(facts, "format", "was laid out by a newer monopod", "upgrade this monopod"));
    return;
  }
  if (!facts.damage.empty()) {
    findings.push_back(Critical(facts, "damage", "SQLite finds it damaged: " + facts.damage,
                                "stop all holders, then remove the file: there is nothing in it "
                                "that is worth keeping but the tokens"));
  }
  if (facts.journal_mode != "wal") {
    findings.push_back(Warning(
        facts, "journal",
        fmt::format("its journal mode is {}, not wal: somebody changed it", facts.journal_mode),
        fmt::format("`sqlite3 {} 'PRAGMA journal_mode = WAL'`", ShellQuoted(facts.path))));
  }
  if (facts.listed) {
    findings.push_back(Critical(facts, "read", facts.listed->message,
                                facts.listed->code == ErrorCode::kUnsupported
                                    ? "upgrade this monopod"
                                    : "see the message"));
  }
}

bool IsHeld(const protocol::Record& record) {
  return record.phase == protocol::Phase::kHeld || record.phase == protocol::Phase::kRecovering;
}

void CheckRecord(const SqliteFacts& facts, const protocol::Listed& listed, Findings& findings) {
  const protocol::Record& record = listed.snapshot.record;
  const SlotName name = ParseSlotRecordName(listed.name);
  const auto add = [&](std::string check, std::string message, std::string remedy) {
    Finding finding = Warning(facts, std::move(check), std::move(message), std::move(remedy));
    finding.subject = name.lock;
    findings.push_back(std::move(finding));
  };
  const auto end = [&](std::string_view reason) {
    const std::string slot = name.slot > 0 ? fmt::format(" --slot {}", name.slot) : "";
    return fmt::format("`monopod break {} --token {}{} --reason \"{}\"`", name.lock, record.token,
                       slot, reason);
  };
  if (record.resize_to > 0) {
    add("resize",
        fmt::format("is to have {} slots: a resize waits for the surplus holds to end",
                    record.resize_to),
        fmt::format("`monopod resize {} --slots {} --wait 5m`", name.lock, record.resize_to));
  }
  if (!IsHeld(record)) return;
  const std::string& holder = record.holder.name;
  if (record.kind == HoldKind::kSticky) {
    const bool old = record.acquired != WallTime{} && facts.now - record.acquired > kOldSticky;
    if (!old) return;
    add("sticky",
        fmt::format("{} holds it with --sticky since {}, and nothing but a release or a break ends "
                    "that",
                    holder, FormatWallTime(record.acquired)),
        "`monopod release` with its handle; if that is lost, " + end("sticky hold was forgotten"));
    return;
  }
  const auto silence = listed.snapshot.known_silence;
  if (record.foreign || silence <= protocol::SilenceToTakeOver(record.ttl)) return;
  const std::string how =
      silence >= protocol::kCertainlyOver
          ? std::string("its machine has started anew since")
          : fmt::format("silent for {}, its TTL is {}",
                        FormatDuration(std::chrono::floor<std::chrono::seconds>(silence)),
                        FormatDuration(record.ttl));
  const bool only_slot = name.slot == 0 && record.slots <= 1;
  add("stuck",
      fmt::format("its holder {} ended without a release ({}), and nobody has asked since", holder,
                  how),
      "see whether its work is complete; " +
          (only_slot ? fmt::format("`monopod run {} --no-wait -- true` takes it over and releases "
                                   "it",
                                   name.lock)
                     : end("its holder is gone")));
}

}  // namespace

Findings CheckSqlite(const SqliteFacts& facts) {
  Findings findings;
  CheckFile(facts, findings);
  CheckDatabase(facts, findings);
  for (const protocol::Listed& listed : facts.records) CheckRecord(facts, listed, findings);
  SortByWorst(findings);
  return findings;
}

}  // namespace monopod::doctor
