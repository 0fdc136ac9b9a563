// monopod acquire: a hold that outlives the command.
#include <fmt/format.h>

#include <csignal>
#include <memory>

#include "src/cli/claim_flags.h"
#include "src/cli/commands.h"
#include "src/cli/interrupt.h"
#include "src/supervise/guardian.h"

namespace monopod::cli {
namespace {

constexpr const char* kFooter = R"(Examples:
  handle=$(monopod acquire migration --ttl 10m) || exit
  ./migrate-one-step; monopod renew "$handle"
  monopod release "$handle"

Prints the handle, which renew and release need: whoever has it has the lock. The hold ends by itself
when it is not renewed for its TTL, unless it is --sticky. Nobody stops your work then: prefer
`monopod run`.)";

struct AcquireFlags {
  std::string lock;
  ClaimFlags claim;
  bool sticky = false;
};

Json HandleJson(const Handle& handle, const LockClient& client) {
  return {{"lock", handle.lock},
          {"slot", handle.slot},
          {"token", handle.token},
          {"handle", handle.ToString()},
          {"store", client.store()}};
}

int Acquire(const AcquireFlags& flags, const Context& context) {
  auto options = flags.claim.Parse();
  if (!options) return context.Fail(options.error());
  const auto allowed = LockClient::Check(flags.lock, *options);
  if (!allowed) return context.Fail(allowed.error());
  supervise::BlockForwardedSignals();
  auto client = context.OpenClient(true);
  if (!client) return context.Fail(client.error());
  // A reader that went away must show as a failed write, after which the hold is given back.
  std::signal(SIGPIPE, SIG_IGN);
  const auto interrupt = Interrupt::Start({.log = context.log, .reap = {}});
  if (!interrupt) return context.Fail(interrupt.error());
  options->cancel = (*interrupt)->stop();
  const auto acquired = client->AcquireHandle(flags.lock, *options, flags.sticky);
  const int signal = (*interrupt)->Stop();
  if (!acquired) return context.Fail(acquired.error());
  if (!acquired->handle) return signal != 0 ? kSignalBase + signal : flags.claim.busy_exit_code;
  const int printed =
      context.PrintResult(HandleJson(*acquired->handle, *client),
                          [&](OutputFormat) { return acquired->handle->ToString() + '\n'; });
  // A handle that nobody has would hold the lock for a TTL, or for ever.
  if (printed != kOk) static_cast<void>(client->Release(*acquired->handle));
  return printed;
}

}  // namespace

void AddAcquire(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("acquire", "Take a lock and print a handle for it");
  command->footer(kFooter);
  const auto flags = std::make_shared<AcquireFlags>();
  AddLockArgument(*command, flags->lock)->required();
  flags->claim.Add(*command);
  command->add_flag("--sticky", flags->sticky, "Hold until release or break, without renewals");
  AddOutputFlag(*command, context);
  command->callback([flags, &context] {
    context.action = [flags, &context] { return Acquire(*flags, context); };
  });
}

}  // namespace monopod::cli
