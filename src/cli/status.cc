// monopod status: who holds a lock, since when, and what the next holder has to wait for.
#include <memory>

#include "src/cli/commands.h"
#include "src/cli/lock_view.h"

namespace monopod::cli {
namespace {

int Status(const std::string& lock, const Context& context) {
  auto client = context.OpenClient(false);
  if (!client) return context.Fail(client.error());
  const auto status = client->Status(lock);
  if (!status) return context.Fail(status.error());
  return context.PrintResult(LockJson(*status),
                             [&](OutputFormat format) { return LockTable({*status}, format); });
}

}  // namespace

void AddStatus(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("status", "Show who holds a lock (without LOCK: all, as ls)");
  command->footer("Examples:\n  monopod status reboot\n  monopod status reboot -o yaml");
  const auto lock = std::make_shared<std::string>();
  AddLockArgument(*command, *lock);
  AddOutputFlag(*command, context);
  command->callback([command, lock, &context] {
    const bool all = command->count("LOCK") == 0;
    context.action = [all, lock, &context] {
      return all ? ListLocks(context) : Status(*lock, context);
    };
  });
}

}  // namespace monopod::cli
