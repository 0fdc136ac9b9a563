// The commands, one file each. Every function adds its command to `app`; when the user chose it,
// its callback sets `context.action`.
#pragma once

#include "src/cli/context.h"

namespace monopod::cli {

void AddRun(CLI::App& app, Context& context);
void AddElect(CLI::App& app, Context& context);
void AddAcquire(CLI::App& app, Context& context);
void AddRenew(CLI::App& app, Context& context);
void AddRelease(CLI::App& app, Context& context);
void AddStatus(CLI::App& app, Context& context);
void AddLs(CLI::App& app, Context& context);
void AddBreak(CLI::App& app, Context& context);
void AddGuard(CLI::App& app, Context& context);
void AddCreate(CLI::App& app, Context& context);
void AddResize(CLI::App& app, Context& context);
void AddExplain(CLI::App& app, Context& context);
void AddDoctor(CLI::App& app, Context& context);
void AddVersion(CLI::App& app, Context& context);
void AddCompletion(CLI::App& app, Context& context);

// What `ls` does, and `status` without a name.
int ListLocks(const Context& context);

}  // namespace monopod::cli
