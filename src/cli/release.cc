// monopod release: for a hold that `acquire` took.
#include <memory>

#include "src/cli/commands.h"

namespace monopod::cli {
namespace {

int Release(const std::string& text, const Context& context) {
  const auto handle = Handle::Parse(text);
  if (!handle) return context.Fail(handle.error());
  auto client = context.OpenClient(false);
  if (!client) return context.Fail(client.error());
  const auto done = client->Release(*handle);
  return done ? kOk : context.Fail(done.error());
}

}  // namespace

void AddRelease(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("release", "Give an acquired lock back");
  command->footer("Example:\n  monopod release \"$handle\"");
  const auto handle = std::make_shared<std::string>();
  command->add_option("HANDLE", *handle, "What `monopod acquire` printed")->required();
  command->callback([handle, &context] {
    context.action = [handle, &context] { return Release(*handle, context); };
  });
}

}  // namespace monopod::cli
