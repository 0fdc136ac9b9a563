// monopod ls: all locks of the store.
#include <algorithm>
#include <iterator>
#include <vector>

#include "src/cli/commands.h"
#include "src/cli/lock_view.h"

namespace monopod::cli {

int ListLocks(const Context& context) {
  auto client = context.OpenClient(false);
  if (!client) return context.Fail(client.error());
  const auto locks = client->List();
  if (!locks) return context.Fail(locks.error());
  std::vector<LockStatus> readable;
  std::ranges::copy_if(*locks, std::back_inserter(readable), [](const LockStatus& lock) {
    return !lock.unreadable || !lock.slot.empty();
  });
  Json json = {{"locks", Json::array()}};
  for (const LockStatus& lock : readable) json["locks"].push_back(LockJson(lock));
  int code =
      context.PrintResult(json, [&](OutputFormat format) { return LockTable(readable, format); });
  for (const LockStatus& lock : *locks) {
    if (lock.unreadable) code = context.Fail(*lock.unreadable);
  }
  return code;
}

void AddLs(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("ls", "List the locks of the store");
  command->footer(
      "Examples:\n  monopod ls\n  monopod ls -o wide\n  monopod ls --store lease: -A\n"
      "  monopod ls -o json");
  command->add_flag("-A,--all-namespaces", context.kubernetes.all_namespaces,
                    "In Kubernetes: the locks of all namespaces, as NAMESPACE/NAME");
  AddOutputFlag(*command, context);
  command->callback([&context] { context.action = [&context] { return ListLocks(context); }; });
}

}  // namespace monopod::cli
