// Runs the command of a kubeconfig that prints a credential, without a shell and without a
// terminal.
//
// Threads: any; it blocks.
#pragma once

#include <optional>
#include <string>

#include "monopod/result.h"
#include "monopod/types.h"
#include "src/base/clock.h"
#include "src/kube/client/access.h"

namespace monopod::kube {

// The status of an ExecCredential.
struct ExecCredential {
  std::string token;        // or empty
  std::string certificate;  // PEM, with `key`, or both empty
  std::string key;
  std::optional<WallTime> expiration;
};

// What KUBERNETES_EXEC_INFO says of the cluster, JSON; read from the files that `access` names.
Result<std::string> ExecInfo(const ExecPlugin& plugin, const ClusterAccess& access);

// At the deadline it and its process group are killed: kUnavailable. Else kDenied, with the end of
// what it wrote to stderr; and the hint, if there is no such command.
Result<ExecCredential> RunExecPlugin(const ExecPlugin& plugin, const std::string& info,
                                     BootTime deadline);

// What it printed. Fails with kDenied; quotes nothing of the text.
Result<ExecCredential> ParseExecCredential(const std::string& text, const std::string& api_version);

}  // namespace monopod::kube
