// A command line, an argument a line: how it is split, the flags that all commands have, those of
// a claim, and what they mean. Other flags of the commands are like one of these.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/check.h"
#include "fuzz/pieces.h"
#include "src/base/lock_name.h"
#include "src/cli/arguments.h"
#include "src/cli/claim_flags.h"
#include "src/cli/context.h"
#include "src/lock/store_url.h"

namespace monopod::cli {

using monopod::fuzz::Check;

namespace {

template <class Value>
void CheckRefusal(const Result<Value>& result) {
  if (result) return;
  Check(result.error().code == ErrorCode::kInvalidArgument && !result.error().message.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.find('\0') != std::string_view::npos) return 0;
  std::vector<std::string> words;
  monopod::fuzz::ForEachPiece(text, "\n", [&](std::string_view word) { words.emplace_back(word); });

  Context context;
  std::string lock;
  ClaimFlags claim;
  CLI::App app("Locks.", "monopod");
  app.require_subcommand(0, 1);
  app.fallthrough();
  AddGlobalFlags(app, context);
  CLI::App& run = *app.add_subcommand("run", "Runs.");
  AddLockArgument(run, lock)->required();
  claim.Add(run);
  AddOutputFlag(run, context);
  run.callback([&] { context.action = [] { return 0; }; });

  Arguments arguments = SplitArguments(words);
  Check(arguments.own.size() + arguments.command.size() + (arguments.has_command ? 1 : 0) ==
        words.size());
  const std::vector<std::string> command = arguments.command;
  const Parsed parsed = ParseArguments(app, context, std::move(arguments));
  Check(parsed.text.empty() == (parsed.kind == Parsed::Kind::kAct));
  if (parsed.kind != Parsed::Kind::kAct) return 0;
  Check(context.command == command);
  Check(monopod::CheckLockName(lock).has_value());
  Check(claim.busy_exit_code >= 0 && claim.busy_exit_code <= 255);
  CheckRefusal(claim.Parse());
  CheckRefusal(context.MakeClientOptions());
  CheckRefusal(monopod::lock::ParseStoreUrl(context.store));
  return 0;
}

}  // namespace monopod::cli
