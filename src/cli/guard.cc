// monopod guard: writes to etcd that land only while the lock is held.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "monopod/guard.h"
#include "src/cli/commands.h"

namespace monopod::cli {
namespace {

constexpr const char* kFooter = R"(Examples:
  monopod run deploy -- sh -c 'monopod guard put app/version 42'
  monopod guard get app/version --handle "$handle"
  make-config | monopod guard put app/config          the value from stdin, as with etcdctl put

Inside `monopod run` the lock is known; elsewhere --handle says which hold it is. The check of the
hold and the write are one transaction of etcd: a write that comes too late never lands, and exits
with 76. KEY is the whole key, in the etcd that keeps the lock. A VALUE that begins with - goes
through stdin.)";

// More than any etcd takes.
constexpr std::size_t kLongestValue = std::size_t{16} << 20U;

struct GuardFlags {
  std::string operation;
  std::string key;
  std::optional<std::string> value;
  std::string lock;
  std::string handle;
};

std::string_view Variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  return value == nullptr ? "" : value;
}

Result<Guard> HandleGuard(const GuardFlags& flags, const LockClient& client) {
  const auto handle = Handle::Parse(flags.handle);
  if (!handle) return Fail(handle.error());
  if (!flags.lock.empty() && flags.lock != handle->lock) {
    return Fail(
        ErrorCode::kInvalidArgument,
        fmt::format("--lock is \"{}\", but the handle is for \"{}\"", flags.lock, handle->lock));
  }
  return Guard::Of(client, *handle);
}

Result<Guard> EnvironmentGuard(const GuardFlags& flags, const LockClient& client) {
  const std::string_view lock = Variable("MONOPOD_LOCK");
  const std::string_view text = Variable("MONOPOD_TOKEN");
  if (lock.empty() || text.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "no hold to guard with: run this inside `monopod run`, which sets MONOPOD_LOCK and "
                "MONOPOD_TOKEN, or say --handle HANDLE");
  }
  if (!flags.lock.empty() && flags.lock != lock) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("--lock is \"{}\", but this runs under \"{}\" (MONOPOD_LOCK): another "
                            "lock needs its --handle",
                            flags.lock, lock));
  }
  Token token = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), token);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("MONOPOD_TOKEN is \"{}\", which is no token", text));
  }
  return Guard::Of(client, Guard::Hold{.lock = std::string(lock), .token = token});
}

Result<std::string> ReadStandardInput() {
  std::string value;
  std::array<char, 65536> part{};
  while (value.size() <= kLongestValue) {
    const ssize_t size = read(STDIN_FILENO, part.data(), part.size());
    if (size == 0) return value;
    if (size > 0) {
      value.append(part.data(), static_cast<std::size_t>(size));
    } else if (errno != EINTR) {
      return Fail(ErrorCode::kInvalidArgument, fmt::format("no VALUE, and stdin cannot be read: {}",
                                                           std::generic_category().message(errno)));
    }
  }
  return Fail(ErrorCode::kInvalidArgument, "the value is longer than 16 MiB");
}

int Put(const Guard& guard, const GuardFlags& flags, const Context& context, const Json& json) {
  const auto value = flags.value ? Result<std::string>(*flags.value) : ReadStandardInput();
  if (!value) return context.Fail(value.error());
  const auto done = guard.Put(flags.key, *value);
  if (!done) return context.Fail(done.error());
  return context.PrintResult(json, [](OutputFormat) { return std::string(); });
}

int Get(const Guard& guard, const GuardFlags& flags, const Context& context, Json json) {
  const auto value = guard.Get(flags.key);
  if (!value) return context.Fail(value.error());
  if (*value) json["value"] = **value;
  return context.PrintResult(json,
                             [&](OutputFormat) { return *value ? **value + '\n' : std::string(); });
}

int Delete(const Guard& guard, const GuardFlags& flags, const Context& context, Json json) {
  const auto deleted = guard.Delete(flags.key);
  if (!deleted) return context.Fail(deleted.error());
  json["deleted"] = *deleted;
  return context.PrintResult(json, [](OutputFormat) { return std::string(); });
}

int RunGuard(const GuardFlags& flags, const Context& context) {
  if (flags.value && flags.operation != "put") {
    return context.Fail(kUsage, fmt::format("guard {} takes no VALUE", flags.operation));
  }
  const auto client = context.OpenClient(false);
  if (!client) return context.Fail(client.error());
  const auto guard =
      flags.handle.empty() ? EnvironmentGuard(flags, *client) : HandleGuard(flags, *client);
  if (!guard) return context.Fail(guard.error());
  const Json json = {{"lock", guard->lock()}, {"token", guard->token()}, {"key", flags.key}};
  if (flags.operation == "put") return Put(*guard, flags, context, json);
  if (flags.operation == "get") return Get(*guard, flags, context, json);
  return Delete(*guard, flags, context, json);
}

}  // namespace

void AddGuard(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("guard", "Write to etcd only while a lock is held");
  command->footer(kFooter);
  const auto flags = std::make_shared<GuardFlags>();
  command->add_option("OPERATION", flags->operation, "put, get or delete")
      ->required()
      ->check(CLI::IsMember({"put", "get", "delete"}));
  command->add_option("KEY", flags->key, "Key in etcd, outside those of locks")->required();
  command->add_option("VALUE", flags->value, "What to put (default: what stdin has)");
  command->add_option("--handle", flags->handle, "Of the hold, as `monopod acquire` printed it")
      ->type_name("HANDLE");
  command->add_option("--lock", flags->lock, "Name of the lock, to make sure that it is this one")
      ->type_name("NAME");
  AddOutputFlag(*command, context);
  command->callback([flags, &context] {
    context.action = [flags, &context] { return RunGuard(*flags, context); };
  });
}

}  // namespace monopod::cli
