#include "src/cli/arguments.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <sstream>
#include <utility>

namespace monopod::cli {

// Before any flag library sees them: CLI11 rewrites arguments that look like lists.
Arguments SplitArguments(std::vector<std::string> words) {
  const auto dashes = std::ranges::find(words, "--");
  Arguments arguments{.has_command = dashes != words.end()};
  std::move(words.begin(), dashes, std::back_inserter(arguments.own));
  if (arguments.has_command) {
    std::move(std::next(dashes), words.end(), std::back_inserter(arguments.command));
  }
  return arguments;
}

Parsed ParseArguments(CLI::App& app, Context& context, Arguments arguments) {
  try {
    std::vector<std::string> reversed(arguments.own.rbegin(), arguments.own.rend());
    app.parse(std::move(reversed));
  } catch (const CLI::Success& help) {
    std::ostringstream text;
    app.exit(help, text, text);
    return {.kind = Parsed::Kind::kShow, .text = text.str()};
  } catch (const CLI::ExtrasError&) {
    return {.kind = Parsed::Kind::kWrong,
            .text = fmt::format("not expected: {} (a command to run is written behind --)",
                                fmt::join(app.remaining(true), " "))};
  } catch (const CLI::ParseError& error) {
    return {.kind = Parsed::Kind::kWrong, .text = error.what()};
  }
  if (!context.action) return {.kind = Parsed::Kind::kShow, .text = app.help()};
  if (arguments.has_command && !app.got_subcommand("run") && !app.got_subcommand("elect")) {
    return {.kind = Parsed::Kind::kWrong,
            .text = "only `monopod run` and `monopod elect` take a command behind --"};
  }
  context.command = std::move(arguments.command);
  return {};
}

}  // namespace monopod::cli
