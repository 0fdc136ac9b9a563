// monopod: when one pod must win.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <string>
#include <vector>

#include "src/cli/arguments.h"
#include "src/cli/commands.h"
#include "src/etcd/client/client.h"

namespace monopod::cli {
namespace {

constexpr const char* kFooter = R"(Examples:
  monopod run reboot -- ./reboot-this-node        one at a time; others wait
  monopod run backup --no-wait -E 0 -- ./backup   skip quietly when another one runs
  monopod elect scheduler -- ./schedule           one of all replicas leads
  monopod status reboot                           who holds it, since when
  monopod break reboot --token 7 --reason "node-3 is gone"

Exit codes: the command's own (128+n when a signal ended it), and
   64  flags, names, configuration      65  written by a newer monopod
   66  no such lock                     69  the store cannot be reached
   70  internal error                   74  outcome unknown
   75  not acquired (-E sets another)   76  not, or no longer, the holder
   77  denied                          122  the lock was lost while the command ran
  126  the command cannot be run       127  the command was not found)";

int Finish(Context& context, const Parsed& parsed) {
  if (parsed.kind == Parsed::Kind::kShow) return Print(parsed.text) ? kOk : kInternalError;
  context.OpenLog();
  if (parsed.kind == Parsed::Kind::kWrong) return context.Fail(kUsage, parsed.text);
  return context.action();
}

// Else the next file that is opened would take their place, and be written to. Runs before the
// libraries are initialized, since gRPC opens descriptors then; so it is a bare system call.
void OpenMissingStandardDescriptors() {
  const auto open_null = [] { return syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR); };
  auto null = open_null();
  while (null >= 0 && null <= STDERR_FILENO) null = open_null();
  if (null > STDERR_FILENO) syscall(SYS_close, null);
}
[[gnu::section(".preinit_array"),
  gnu::used]] void (*const kRunFirst)() = OpenMissingStandardDescriptors;

int Main(int argc, char** argv) {
  etcd::SilenceTransport();
  CLI::App app("Locks for automation: when one pod must win.", "monopod");
  app.footer(kFooter);
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", std::string("monopod " MONOPOD_VERSION));
  app.fallthrough();
  Context context;
  AddGlobalFlags(app, context);
  AddRun(app, context);
  AddElect(app, context);
  AddAcquire(app, context);
  AddRenew(app, context);
  AddRelease(app, context);
  AddStatus(app, context);
  AddLs(app, context);
  AddBreak(app, context);
  AddGuard(app, context);
  AddCreate(app, context);
  AddResize(app, context);
  AddExplain(app, context);
  AddDoctor(app, context);
  AddVersion(app, context);
  AddCompletion(app, context);
  const Parsed parsed =
      ParseArguments(app, context, SplitArguments({argv + std::min(argc, 1), argv + argc}));
  return Finish(context, parsed);
}

}  // namespace
}  // namespace monopod::cli

int main(int argc, char** argv) {
  try {
    return monopod::cli::Main(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "monopod: internal error: {}\n", error.what());
    return monopod::cli::kInternalError;
  }
}
