// monopod explain: what the times mean for a holder and for who waits.
#include <fmt/format.h>

#include <memory>

#include "src/base/duration.h"
#include "src/cli/claim_flags.h"
#include "src/cli/commands.h"
#include "src/lock/store_url.h"
#include "src/protocol/times.h"

namespace monopod::cli {
namespace {

using std::chrono::nanoseconds;

constexpr const char* kFooter = R"(Examples:
  monopod explain
  monopod explain --ttl 60s -o json)";

struct Line {
  const char* key;
  nanoseconds time;
  std::string meaning;
};

double Seconds(nanoseconds time) { return std::chrono::duration<double>(time).count(); }

std::vector<Line> Timeline(const protocol::Times& times, nanoseconds lock_delay) {
  return {
      {"ttl", times.ttl, "silence after which a holder may be replaced, and 1 % more"},
      {"renew_every", times.renew, "from one proof of the hold to the next (or a tenth sooner)"},
      {"attempt_timeout", times.attempt, "longest single try to renew"},
      {"term_after", times.term, "without a renewal: the work is told to stop (TERM)"},
      {"kill_after", times.kill, "without a renewal: the work is killed (KILL)"},
      {"work_over_by", times.kill + protocol::kDeathAllowance,
       "the work and all that it started is gone"},
      {"takeover_after_release", nanoseconds(0), "a clean release: the next holder begins at once"},
      {"takeover_after_crash", protocol::SilenceToTakeOver(times.ttl) + lock_delay,
       "a crash: the next holder begins, at the latest, so long after the last renewal"},
      {"takeover_after_break", protocol::RecoveryTime(times.kill) + lock_delay,
       "a break: the next holder begins, at the latest, so long after it"},
  };
}

int Explain(const TimesFlags& flags, const std::string& lock_delay, const Context& context) {
  const auto hold = flags.Parse();
  if (!hold) return context.Fail(hold.error());
  const auto delay = ParseDurationFlag("--lock-delay", lock_delay);
  if (!delay) return context.Fail(delay.error());
  if (*delay > std::chrono::hours(24 * 365)) {
    return context.Fail(kUsage, "--lock-delay: at most 8760h");
  }
  const auto times = protocol::MakeTimes({.ttl = hold->ttl,
                                          .renew = hold->renew,
                                          .attempt = hold->attempt,
                                          .term = hold->term,
                                          .kill = hold->kill});
  if (!times) return context.Fail(times.error());
  const auto url = lock::ParseStoreUrl(context.store);
  if (!url) return context.Fail(url.error());

  const auto timeline = Timeline(*times, *delay);
  Json json = {{"store", url->ToString()}};
  for (const Line& line : timeline) {
    json[fmt::format("{}_seconds", line.key)] = Seconds(line.time);
  }
  return context.PrintResult(json, [&](OutputFormat) {
    std::vector<std::vector<std::string>> rows;
    for (const Line& line : timeline) {
      rows.push_back({line.key, FormatDuration(line.time), line.meaning});
    }
    return ToTable({"WHAT", "TIME", "MEANING"}, rows) +
           fmt::format(
               "\nAll from the moment at which the last renewal that landed was sent, on a "
               "clock that counts suspend.\nStore: {}\n",
               url->ToString());
  });
}

}  // namespace

void AddExplain(CLI::App& app, Context& context) {
  auto* command =
      app.add_subcommand("explain", "Show when a hold is renewed, its work stopped, and replaced");
  command->footer(kFooter);
  struct Flags {
    TimesFlags times;
    std::string lock_delay = "0s";
  };
  const auto flags = std::make_shared<Flags>();
  flags->times.Add(*command);
  command
      ->add_option("--lock-delay", flags->lock_delay,
                   "More waiting after a holder that did not end clean")
      ->capture_default_str()
      ->type_name("DURATION");
  AddOutputFlag(*command, context);
  command->callback([flags, &context] {
    context.action = [flags, &context] {
      return Explain(flags->times, flags->lock_delay, context);
    };
  });
}

}  // namespace monopod::cli
