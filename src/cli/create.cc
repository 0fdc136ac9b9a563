// monopod create: make a lock known before its first use.
#include <memory>

#include "src/base/lock_name.h"
#include "src/cli/commands.h"

namespace monopod::cli {
namespace {

struct CreateFlags {
  std::string lock;
  int slots = 1;
};

}  // namespace

void AddCreate(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("create", "Make a lock known before its first use");
  command->footer(
      "Examples:\n  monopod create reboot\n  monopod create rebuild --slots 3\n\n"
      "Needed only where holders may not create records themselves. Repeating it is fine.");
  const auto flags = std::make_shared<CreateFlags>();
  AddLockArgument(*command, flags->lock)->required();
  command->add_option("--slots", flags->slots, "How many may hold at once: 1 to 128")
      ->check(WholeNumber(1, kMaxSlots))
      ->capture_default_str()
      ->type_name("N");
  command->callback([flags, &context] {
    context.action = [flags, &context]() -> int {
      auto client = context.OpenClient(false);
      if (!client) return context.Fail(client.error());
      const auto created = client->Create(flags->lock, flags->slots);
      return created ? kOk : context.Fail(created.error());
    };
  });
}

}  // namespace monopod::cli
