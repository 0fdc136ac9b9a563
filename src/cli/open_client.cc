#include <fmt/format.h>

#include <utility>

#include "src/cli/context.h"

namespace monopod::cli {

void Context::Announce(const LockClient& client) const {
  if (quiet) return;
  log->Write(observe::AttemptLog::Notice{
      .kind = "store",
      .lock = {},
      .store = client.store(),
      .message = fmt::format("store {}; scope: {}", client.store(), client.scope())});
}

Result<LockClient> Context::OpenClient(bool announce) const {
  auto options = MakeClientOptions();
  if (!options) return monopod::Fail(std::move(options.error()));
  auto client = LockClient::Open(*std::move(options));
  if (client && announce) Announce(*client);
  return client;
}

}  // namespace monopod::cli
