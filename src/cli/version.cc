// monopod version.
#include <fmt/format.h>

#include "src/cli/commands.h"
#include "src/protocol/record.h"

namespace monopod::cli {

void AddVersion(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("version", "Show the version and what this build has");
  AddOutputFlag(*command, context);
  command->callback([&context] {
    context.action = [&context] {
      const Json json = {{"version", MONOPOD_VERSION},
                         {"record_format", protocol::Record::kFormat},
                         {"stores", {"memory:", "sqlite:PATH", "etcd://HOST:PORT"}}};
      return context.PrintResult(json, [](OutputFormat) {
        return fmt::format(
            "monopod {} (record format {}; stores: memory:, sqlite:PATH, etcd://HOST:PORT)\n",
            MONOPOD_VERSION, protocol::Record::kFormat);
      });
    };
  });
}

}  // namespace monopod::cli
