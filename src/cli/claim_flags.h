// The flags of the commands that claim a lock: run and acquire.
#pragma once

#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "monopod/lock_client.h"

namespace monopod::cli {

struct TimesFlags {
  std::string ttl = "15s";
  std::string renew;
  std::string attempt;
  std::string term;
  std::string kill;

  void Add(CLI::App& command);
  Result<HoldTimes> Parse() const;
};

struct ClaimFlags {
  TimesFlags times;
  std::string wait = "5m";
  bool no_wait = false;
  std::optional<int> slots;
  std::string lock_delay = "0s";
  std::string foreign_ttl;
  bool unsafe_no_recovery_delay = false;
  std::string purpose;
  int busy_exit_code = 75;

  void Add(CLI::App& command);
  // Fails with kInvalidArgument and names the flag.
  Result<AcquireOptions> Parse() const;
};

}  // namespace monopod::cli
