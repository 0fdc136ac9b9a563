// monopod explain: what the times mean for a holder and for who waits.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "src/base/duration.h"
#include "src/cli/claim_flags.h"
#include "src/cli/commands.h"
#include "src/etcd/client/client_options.h"
#include "src/lock/store_url.h"
#include "src/protocol/times.h"

namespace monopod::cli {
namespace {

using std::chrono::nanoseconds;

constexpr const char* kFooter = R"(Examples:
  monopod explain
  monopod explain --ttl 60s -o json
  monopod explain --store etcd://etcd-0:2379      nobody is contacted)";

// etcd looks for leases that have expired so often, and elects within so long unless told
// otherwise.
constexpr std::chrono::milliseconds kLeaseScan(500);
constexpr std::chrono::seconds kElection(1);

struct Line {
  const char* key;
  nanoseconds time;
  std::string meaning;
};

double Seconds(nanoseconds time) { return std::chrono::duration<double>(time).count(); }

struct Shape {
  protocol::Times times;
  nanoseconds lock_delay;
  bool is_etcd;
};

// How long a hold stands that nobody renews, and a recovery after it.
std::vector<Line> Takeovers(const Shape& shape) {
  const nanoseconds silence = protocol::SilenceToTakeOver(shape.times.ttl);
  const nanoseconds recovery = protocol::RecoveryTime(shape.times.kill) + shape.lock_delay;
  const Line after_release = {"takeover_after_release", nanoseconds(0),
                              "a clean release: the next holder begins at once"};
  if (!shape.is_etcd) {
    return {after_release,
            {"takeover_after_crash", silence + shape.lock_delay,
             "a crash: the next holder begins, at the latest, so long after the last renewal"},
            {"takeover_after_break", recovery,
             "a break: the next holder begins, at the latest, so long after it"}};
  }
  // Whoever watched the last renewal counts its recovery from there, while the lease runs out.
  return {after_release,
          {"takeover_after_crash", std::max(silence + kLeaseScan, recovery),
           "a crash: so long after the last renewal the next holder begins, if it waited by then "
           "and etcd keeps its leader"},
          {"takeover_after_break", recovery,
           "a break: the next holder begins, at the latest, so long after it, or after it came"},
          {"takeover_at_worst", 2 * silence + kElection + kLeaseScan + recovery,
           "a crash: the next holder begins, at the latest, so long after the last renewal, if "
           "etcd changes its leader once"}};
}

std::vector<Line> Timeline(const Shape& shape) {
  const protocol::Times& times = shape.times;
  std::vector<Line> timeline = {
      {"ttl", times.ttl, "silence after which a holder may be replaced, and 1 % more"},
      {"renew_every", times.renew, "at most, from one proof of the hold to the next"},
      {"attempt_timeout", times.attempt, "longest single try to renew"},
      {"term_after", times.term, "without a renewal: the work is told to stop (TERM)"},
      {"kill_after", times.kill, "without a renewal: the work is killed (KILL)"},
      {"work_over_by", times.kill + protocol::kDeathAllowance,
       "the work and all that it started is gone"}};
  for (Line& line : Takeovers(shape)) timeline.push_back(std::move(line));
  return timeline;
}

// The store's URL with nothing left out, and no secret in it.
Result<std::string> FullUrl(const lock::StoreUrl& url, const EtcdLogin& login) {
  if (url.kind != lock::StoreUrl::Kind::kEtcd) return url.ToString();
  const auto options = etcd::Resolve(url.path,
                                     {.cacert = login.cacert,
                                      .cert = login.cert,
                                      .key = login.key,
                                      .user = login.user,
                                      .password = login.password,
                                      .password_file = login.password_file},
                                     etcd::ProcessEnvironment());
  if (!options) return Fail(options.error());
  return options->Url();
}

int Explain(const TimesFlags& flags, const std::string& lock_delay, const Context& context) {
  const auto hold = flags.Parse();
  if (!hold) return context.Fail(hold.error());
  const auto delay = ParseDurationFlag("--lock-delay", lock_delay);
  if (!delay) return context.Fail(delay.error());
  if (*delay > std::chrono::hours(24 * 365)) {
    return context.Fail(kUsage, "--lock-delay: at most 8760h");
  }
  const auto url = lock::ParseStoreUrl(context.store);
  if (!url) return context.Fail(url.error());
  const auto times = protocol::MakeTimes({.ttl = hold->ttl,
                                          .renew = hold->renew,
                                          .attempt = hold->attempt,
                                          .term = hold->term,
                                          .kill = hold->kill},
                                         url->limits());
  if (!times) return context.Fail(times.error());
  const auto store = FullUrl(*url, context.etcd);
  if (!store) return context.Fail(store.error());

  const auto timeline = Timeline(
      {.times = *times, .lock_delay = *delay, .is_etcd = url->kind == lock::StoreUrl::Kind::kEtcd});
  Json json = {{"store", *store}};
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
               *store);
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
