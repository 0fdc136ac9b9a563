// monopod renew: for a hold that `acquire` took.
#include <memory>

#include "src/cli/commands.h"

namespace monopod::cli {
namespace {

int Renew(const std::string& text, const Context& context) {
  const auto handle = Handle::Parse(text);
  if (!handle) return context.Fail(handle.error());
  auto client = context.OpenClient(false);
  if (!client) return context.Fail(client.error());
  const auto done = client->Renew(*handle);
  return done ? kOk : context.Fail(done.error());
}

}  // namespace

void AddRenew(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("renew", "Renew an acquired lock for another TTL");
  command->footer("Example:\n  monopod renew \"$handle\"");
  const auto handle = std::make_shared<std::string>();
  command->add_option("HANDLE", *handle, "What `monopod acquire` printed")->required();
  command->callback([handle, &context] {
    context.action = [handle, &context] { return Renew(*handle, context); };
  });
}

}  // namespace monopod::cli
