// monopod break: end somebody else's hold.
#include <fmt/format.h>

#include <charconv>
#include <memory>
#include <string>
#include <system_error>

#include "src/base/lock_name.h"
#include "src/cli/commands.h"

namespace monopod::cli {
namespace {

constexpr const char* kFooter = R"(Example:
  monopod status reboot                     shows the token of the present hold
  monopod break reboot --token 7 --reason "node-3 burnt down"

Ends that hold only, never a later one. Its holder stops its work as soon as it notices; the next
holder waits until that work is over in any case (`monopod explain` prints how long).)";

// Strictly: CLI11 would clamp a number that is too large, and read 010 as eight.
Token ParseToken(const std::string& text) {
  Token token = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, token);
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    throw CLI::ValidationError("--token", fmt::format("\"{}\" is not a token", text));
  }
  return token;
}

}  // namespace

void AddBreak(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("break", "End somebody else's hold");
  command->footer(kFooter);
  const auto request = std::make_shared<LockClient::BreakRequest>();
  AddLockArgument(*command, request->lock)->required();
  command
      ->add_option_function<std::string>(
          "--token", [request](const std::string& text) { request->token = ParseToken(text); },
          "Token of the hold, as `status` shows it")
      ->required()
      ->type_name("TOKEN");
  command->add_option("--reason", request->reason, "Why: recorded, shown and logged")
      ->required()
      ->check([](const std::string& text) {
        return std::string(text.empty() ? "it is empty: say why, others will read it" : "");
      })
      ->type_name("TEXT");
  command->add_option("--slot", request->slot, "Slot, if two are held with the same token")
      ->check(WholeNumber(0, kMaxSlots - 1))
      ->type_name("N");
  command->callback([request, &context] {
    context.action = [request, &context]() -> int {
      auto client = context.OpenClient(false);
      if (!client) return context.Fail(client.error());
      const auto broken = client->Break(*request);
      return broken ? kOk : context.Fail(broken.error());
    };
  });
}

}  // namespace monopod::cli
