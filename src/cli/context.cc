#include "src/cli/context.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "src/base/duration.h"
#include "src/base/lock_name.h"

namespace monopod::cli {
namespace {

std::string_view Variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  return value == nullptr ? "" : value;
}

// Named as etcdctl names them.
void AddEtcdFlags(CLI::App& app, EtcdLogin& etcd) {
  const auto group = "etcd (instead of each flag, etcdctl's variable: $ETCDCTL_CACERT, ...)";
  const auto add = [&](const char* flag, std::string& value, const char* type, const char* help) {
    app.add_option(flag, value, help)->type_name(type)->group(group);
  };
  add("--cacert", etcd.cacert, "FILE", "Trust servers with certificates of this authority, by TLS");
  add("--cert", etcd.cert, "FILE", "Client certificate, with --key");
  add("--key", etcd.key, "FILE", "Key of the client certificate");
  add("--user", etcd.user, "NAME[:PASSWORD]", "Log in as this user");
  add("--password", etcd.password, "TEXT", "Its password; others can see it in the process list");
  add("--password-file", etcd.password_file, "FILE", "Its password is this file's first line");
}

// Named as kubectl names them.
void AddKubernetesFlags(CLI::App& app, KubernetesLogin& kubernetes) {
  const auto group = "Kubernetes";
  app.add_option("--kubeconfig", kubernetes.kubeconfig,
                 "How to reach the cluster (default: $KUBECONFIG, in a pod its service account, "
                 "else ~/.kube/config)")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--context", kubernetes.context, "Context of the kubeconfig")
      ->type_name("NAME")
      ->group(group);
  app.add_option("-n,--namespace", kubernetes.namespace_,
                 "Where the locks are (default: the context's or the pod's)")
      ->type_name("NAME")
      ->group(group);
}

}  // namespace

void Context::OpenLog() {
  const bool terminal = isatty(STDERR_FILENO) == 1;
  const bool text = log_format == "text" || (log_format == "auto" && terminal);
  log = std::make_shared<observe::AttemptLog>(observe::AttemptLog::Options{
      .format = text ? observe::LogFormat::kText : observe::LogFormat::kJson,
      .live = text && terminal && Variable("TERM") != "dumb",
      .color = text && terminal && Variable("NO_COLOR").empty() && Variable("TERM") != "dumb",
      .quiet = quiet});
}

Result<ClientOptions> Context::MakeClientOptions() const {
  const auto timeout = ParseDurationFlag("--store-timeout", store_timeout);
  if (!timeout) return monopod::Fail(timeout.error());
  return ClientOptions{.store = store,
                       .etcd = etcd,
                       .kubernetes = kubernetes,
                       .require_shared = require_shared,
                       .holder = holder,
                       .store_timeout = *timeout,
                       .on_event = [log = log](const Event& event) { log->Write(event); }};
}

int Context::Fail(const Error& error) const { return Fail(ExitCodeOf(error.code), error.message); }

int Context::Fail(ExitCode code, const std::string& message) const {
  log->Write(
      observe::AttemptLog::Notice{.kind = "error", .lock = {}, .store = {}, .message = message});
  return code;
}

int Context::PrintResult(const Json& json,
                         const std::function<std::string(OutputFormat)>& table) const {
  std::string text;
  switch (output) {
    case OutputFormat::kJson:
      text = json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
      break;
    case OutputFormat::kYaml: text = ToYaml(json); break;
    case OutputFormat::kTable:
    case OutputFormat::kWide:
    case OutputFormat::kName: text = table(output); break;
  }
  return Print(text) ? kOk : Fail(kInternalError, "cannot write to stdout");
}

void AddGlobalFlags(CLI::App& app, Context& context) {
  const auto group = "Store and log";
  app.add_option(
         "--store", context.store,
         "Where locks live: lease:[NAMESPACE], configmap:[NAMESPACE], "
         "etcd://HOST:PORT[,HOST:PORT...][/PREFIX] (etcds:// for TLS), sqlite:PATH or memory: "
         "(default: $MONOPOD_STORE, in a pod lease:, else this machine's file)")
      ->envname("MONOPOD_STORE")
      ->type_name("URL")
      ->group(group);
  app.add_flag("--require-shared", context.require_shared,
               "Refuse a store that only this machine can see")
      ->group(group);
  app.add_option("--holder", context.holder,
                 "Name of this holder, for people (default: $POD_NAME or the host name)")
      ->type_name("NAME")
      ->group(group);
  app.add_option("--store-timeout", context.store_timeout,
                 "How long the store may fail before this command does")
      ->capture_default_str()
      ->type_name("DURATION")
      ->group(group);
  app.add_option("--log-format", context.log_format,
                 "auto (text on a terminal, else json), text or json")
      ->check(CLI::IsMember({"auto", "text", "json"}))
      ->capture_default_str()
      ->type_name("FORMAT")
      ->group(group);
  app.add_flag("-q,--quiet", context.quiet, "Log only what went wrong")->group(group);
  AddEtcdFlags(app, context.etcd);
  AddKubernetesFlags(app, context.kubernetes);
}

CLI::Option* AddLockArgument(CLI::App& command, std::string& lock) {
  return command.add_option("LOCK", lock, "Name of the lock")->check([](const std::string& name) {
    const auto checked = CheckLockName(name);
    return checked ? std::string() : checked.error().message;
  });
}

void AddOutputFlag(CLI::App& command, Context& context) {
  const auto read = [&context](const std::string& text) {
    const auto& formats = OutputFormats();
    const auto found =
        std::ranges::find(formats, text, [](const auto& format) { return format.first; });
    if (found == formats.end()) {
      throw CLI::ValidationError(
          "--output", fmt::format("\"{}\" is not table, wide, json, yaml or name", text));
    }
    context.output = found->second;
  };
  command.add_option_function<std::string>("-o,--output", read, "table, wide, json, yaml or name")
      ->type_name("FORMAT");
}

std::function<std::string(const std::string&)> WholeNumber(int first, int last) {
  return [first, last](const std::string& text) {
    int number = 0;
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, number);
    const bool whole = parsed.ec == std::errc() && parsed.ptr == end;
    if (whole && number >= first && number <= last) return std::string();
    return fmt::format("\"{}\" is not a whole number from {} to {}", text, first, last);
  };
}

Result<std::chrono::nanoseconds> ParseDurationFlag(const std::string& flag,
                                                   const std::string& text) {
  auto parsed = ParseDuration(text);
  if (!parsed) parsed.error().message = flag + ": " + parsed.error().message;
  return parsed;
}

}  // namespace monopod::cli
