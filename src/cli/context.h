// What all commands share: the global flags, the log, and the way to a client.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "monopod/lock_client.h"
#include "src/cli/exit_code.h"
#include "src/cli/output.h"
#include "src/observe/attempt_log.h"

namespace monopod::cli {

struct Context {
  // What followed the first "--", untouched.
  std::vector<std::string> command;

  // Global flags, as given.
  std::string store;
  EtcdLogin etcd;
  KubernetesLogin kubernetes;
  bool require_shared = false;
  std::string holder;
  std::string store_timeout = "10s";
  std::string log_format = "auto";
  bool quiet = false;
  OutputFormat output = OutputFormat::kTable;

  // Set by the command that was chosen.
  std::function<int()> action;

  std::shared_ptr<observe::AttemptLog> log;

  // Reads the flags above into `log`; once, before any command acts.
  void OpenLog();

  // What the flags say of a client; its events go to the log.
  Result<ClientOptions> MakeClientOptions() const;
  // Says which store it is and who sees it.
  void Announce(const LockClient& client) const;
  // Both, and opens it; announced only if `announce`.
  Result<LockClient> OpenClient(bool announce) const;

  // One line on stderr and the exit code that belongs to it.
  int Fail(const Error& error) const;
  int Fail(ExitCode code, const std::string& message) const;

  // Renders a result: JSON and YAML from `json`, the others from `table`.
  int PrintResult(const Json& json, const std::function<std::string(OutputFormat)>& table) const;
};

void AddGlobalFlags(CLI::App& app, Context& context);
// The positional LOCK; a name that is not allowed is refused before any I/O.
CLI::Option* AddLockArgument(CLI::App& command, std::string& lock);
void AddOutputFlag(CLI::App& command, Context& context);

// For check(): decimal digits, and no other number than these. CLI11 would also take an empty text.
std::function<std::string(const std::string&)> WholeNumber(int first, int last);

// A duration flag's value; the error names the flag.
Result<std::chrono::nanoseconds> ParseDurationFlag(const std::string& flag,
                                                   const std::string& text);

}  // namespace monopod::cli
