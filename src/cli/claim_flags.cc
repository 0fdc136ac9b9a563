#include "src/cli/claim_flags.h"

#include <utility>

#include "src/base/lock_name.h"
#include "src/cli/context.h"

namespace monopod::cli {
namespace {

// An empty text is a flag that was not given.
Result<std::optional<std::chrono::nanoseconds>> ParseOptional(const std::string& flag,
                                                              const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto parsed = ParseDurationFlag(flag, text);
  if (!parsed) return Fail(parsed.error());
  return *parsed;
}

}  // namespace

void TimesFlags::Add(CLI::App& command) {
  const auto group = "Times";
  command.add_option("--ttl", ttl, "How long a silent holder keeps the lock: 2s to 24h")
      ->capture_default_str()
      ->type_name("DURATION")
      ->group(group);
  command.add_option("--renew-every", renew, "Renewal interval (default: TTL/4)")
      ->type_name("DURATION")
      ->group(group);
  command.add_option("--attempt-timeout", attempt, "Longest renewal try (default: min(TTL/6, 3s))")
      ->type_name("DURATION")
      ->group(group);
  command.add_option("--term-after", term, "TERM, after the last renewal (default: 0.6 TTL)")
      ->type_name("DURATION")
      ->group(group);
  command.add_option("--kill-after", kill, "KILL, after the last renewal (default: 0.8 TTL)")
      ->type_name("DURATION")
      ->group(group);
}

Result<HoldTimes> TimesFlags::Parse() const {
  HoldTimes times;
  const auto parsed_ttl = ParseDurationFlag("--ttl", ttl);
  if (!parsed_ttl) return Fail(parsed_ttl.error());
  times.ttl = *parsed_ttl;
  const std::pair<std::pair<const char*, const std::string*>,
                  std::optional<std::chrono::nanoseconds>*>
      rest[] = {{{"--renew-every", &renew}, &times.renew},
                {{"--attempt-timeout", &attempt}, &times.attempt},
                {{"--term-after", &term}, &times.term},
                {{"--kill-after", &kill}, &times.kill}};
  for (const auto& [flag, target] : rest) {
    const auto parsed = ParseOptional(flag.first, *flag.second);
    if (!parsed) return Fail(parsed.error());
    *target = *parsed;
  }
  return times;
}

void ClaimFlags::Add(CLI::App& command) {
  times.Add(command);
  auto* wait_option =
      command.add_option("--wait", wait, "How long to wait for other holders, or forever")
          ->capture_default_str()
          ->type_name("DURATION");
  command
      .add_flag("--no-wait", no_wait,
                "Do not wait for a live holder (one that looks dead is watched until it is known)")
      ->excludes(wait_option);
  command.add_option("--slots", slots, "How many may hold at once: 1 to 128, fixed by first use")
      ->check(WholeNumber(1, kMaxSlots))
      ->type_name("N");
  command
      .add_option("--lock-delay", lock_delay, "More waiting after a holder that did not end clean")
      ->capture_default_str()
      ->type_name("DURATION");
  command
      .add_option("--foreign-ttl", foreign_ttl,
                  "Treat holders that are not monopod as stale after so long a silence")
      ->type_name("DURATION");
  command.add_option("--purpose", purpose, "What for: shown to others; no secrets")
      ->type_name("TEXT");
  command.add_flag("--unsafe-no-recovery-delay", unsafe_no_recovery_delay,
                   "Begin although earlier work may still run: gives up mutual exclusion");
  command.add_option("-E,--busy-exit-code", busy_exit_code, "Exit code when not acquired")
      ->check(WholeNumber(0, 255))
      ->capture_default_str()
      ->type_name("CODE");
}

Result<AcquireOptions> ClaimFlags::Parse() const {
  AcquireOptions options{.no_wait = no_wait,
                         .slots = slots,
                         .unsafe_no_recovery_delay = unsafe_no_recovery_delay,
                         .purpose = purpose};
  const auto parsed_times = times.Parse();
  if (!parsed_times) return Fail(parsed_times.error());
  options.times = *parsed_times;
  if (wait == "forever") {
    options.wait = std::nullopt;
  } else {
    const auto parsed = ParseDurationFlag("--wait", wait);
    if (!parsed) return Fail(parsed.error());
    options.wait = *parsed;
  }
  const auto delay = ParseDurationFlag("--lock-delay", lock_delay);
  if (!delay) return Fail(delay.error());
  options.lock_delay = *delay;
  const auto foreign = ParseOptional("--foreign-ttl", foreign_ttl);
  if (!foreign) return Fail(foreign.error());
  options.foreign_ttl = *foreign;
  return options;
}

}  // namespace monopod::cli
