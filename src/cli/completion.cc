// monopod completion: scripts for the shells, made from the commands and flags that there are.
#include <fmt/format.h>

#include <memory>

#include "src/cli/commands.h"

namespace monopod::cli {
namespace {

constexpr const char* kFooter = R"(Examples:
  source <(monopod completion bash)
  monopod completion zsh > "${fpath[1]}/_monopod"
  monopod completion fish > ~/.config/fish/completions/monopod.fish)";

std::vector<std::string> FlagsOf(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  return flags;
}

// Its flags, and the commands below it.
std::vector<std::string> WordsOf(const CLI::App& command) {
  std::vector<std::string> words = FlagsOf(command);
  for (const CLI::App* below : command.get_subcommands(nullptr)) words.push_back(below->get_name());
  return words;
}

bool TakesLock(const CLI::App& command) { return command.get_option_no_throw("LOCK") != nullptr; }

std::string Bash(const CLI::App& app) {
  std::string names;
  std::string cases;
  const std::string global = fmt::format("{}", fmt::join(FlagsOf(app), " "));
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    names += command->get_name() + ' ';
    cases += fmt::format("    {}) words=\"{} {}\"{};;\n", command->get_name(),
                         fmt::join(WordsOf(*command), " "), global,
                         TakesLock(*command)
                             ? "; [[ $current != -* ]] && words=$(monopod ls -o name 2>/dev/null)"
                             : "");
  }
  return fmt::format(R"(_monopod() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} words="{}" i
  # Behind -- stands somebody else's command line.
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ ${{COMP_WORDS[i]}} == -- ]] && {{ COMPREPLY=($(compgen -c -f -- "$current")); return; }}
  done
  case ${{COMP_WORDS[1]}} in
{}  esac
  ((COMP_CWORD == 1)) && words="{}{}"
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -F _monopod monopod
)",
                     names, cases, names, global);
}

std::string Zsh(const CLI::App& app) {
  // zsh runs bash's completions.
  return "#compdef monopod\nautoload -U +X bashcompinit && bashcompinit\n" + Bash(app);
}

std::string Quoted(std::string text) {
  for (std::size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 2) {
    text.insert(at, "\\");
  }
  return "'" + text + "'";
}

std::string Fish(const CLI::App& app) {
  std::string script = "complete -c monopod -f\n";
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    const std::string& name = command->get_name();
    script += fmt::format("complete -c monopod -n __fish_use_subcommand -a {} -d {}\n", name,
                          Quoted(command->get_description()));
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& flag : option->get_lnames()) {
        script +=
            fmt::format("complete -c monopod -n '__fish_seen_subcommand_from {}' -l {} -d {}\n",
                        name, flag, Quoted(option->get_description()));
      }
    }
    if (TakesLock(*command)) {
      script += fmt::format(
          "complete -c monopod -n '__fish_seen_subcommand_from {}' -a '(monopod ls -o name)'\n",
          name);
    }
  }
  return script;
}

}  // namespace

void AddCompletion(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("completion", "Print a completion script for a shell");
  command->footer(kFooter);
  const auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([&app, shell, &context] {
    context.action = [&app, shell, &context]() -> int {
      const std::string script = *shell == "bash"  ? Bash(app)
                                 : *shell == "zsh" ? Zsh(app)
                                                   : Fish(app);
      return Print(script) ? kOk : context.Fail(kInternalError, "cannot write to stdout");
    };
  });
}

}  // namespace monopod::cli
