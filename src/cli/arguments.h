// The command line, from argv to what the chosen command finds in its flags.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "src/cli/context.h"

namespace monopod::cli {

struct Arguments {
  std::vector<std::string> own;
  std::vector<std::string> command;  // behind the first "--"
  bool has_command = false;
};

// Of all that follows the program's name.
Arguments SplitArguments(std::vector<std::string> words);

struct Parsed {
  enum class Kind : std::uint8_t {
    kAct,    // context.action is what to do
    kShow,   // `text` is to be printed: help, or the version
    kWrong,  // `text` says what is wrong with the arguments
  };
  Kind kind = Kind::kAct;
  std::string text = {};
};

// Fills in what the flags of `app` are bound to, and context.command. Reads the environment where a
// flag stands for a variable; does nothing else.
Parsed ParseArguments(CLI::App& app, Context& context, Arguments arguments);

}  // namespace monopod::cli
