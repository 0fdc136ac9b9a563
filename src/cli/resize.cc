// monopod resize: change how many may hold a lock at once.
#include <fmt/format.h>

#include <memory>

#include "src/base/lock_name.h"
#include "src/cli/commands.h"

namespace monopod::cli {
namespace {

constexpr const char* kFooter = R"(Examples:
  monopod resize rebuild --slots 5
  monopod resize rebuild --slots 1 --wait 1h

A larger number is in force at once. A smaller one is in force when the surplus holds have ended,
which is waited for; after --wait the command ends with 75, and running it again goes on.)";

struct ResizeFlags {
  std::string lock;
  int slots = 0;
  std::string wait = "5m";
};

int Resize(const ResizeFlags& flags, const Context& context) {
  const auto wait = ParseDurationFlag("--wait", flags.wait);
  if (!wait) return context.Fail(wait.error());
  auto client = context.OpenClient(false);
  if (!client) return context.Fail(client.error());
  const auto in_force = client->Resize(flags.lock, flags.slots, *wait);
  if (!in_force) return context.Fail(in_force.error());
  if (*in_force) return kOk;
  return context.Fail(kNotAcquired,
                      fmt::format("surplus slots of \"{}\" are still held; {} slots are in force "
                                  "once they have ended and this command was run again",
                                  flags.lock, flags.slots));
}

}  // namespace

void AddResize(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("resize", "Change how many may hold a lock at once");
  command->footer(kFooter);
  const auto flags = std::make_shared<ResizeFlags>();
  AddLockArgument(*command, flags->lock)->required();
  command->add_option("--slots", flags->slots, "The new number: 1 to 128")
      ->required()
      ->check(WholeNumber(1, kMaxSlots))
      ->type_name("N");
  command->add_option("--wait", flags->wait, "How long to wait for surplus holds to end")
      ->capture_default_str()
      ->type_name("DURATION");
  command->callback([flags, &context] {
    context.action = [flags, &context] { return Resize(*flags, context); };
  });
}

}  // namespace monopod::cli
