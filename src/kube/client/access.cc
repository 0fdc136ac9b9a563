#include "src/kube/client/access.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>

#include "src/kube/client/kubeconfig.h"
#include "src/kube/client/proxy.h"
#include "src/kube/client/text_file.h"
#include "src/kube/client/url.h"

namespace monopod::kube {
namespace {

tl::unexpected<Error> Invalid(std::string message) {
  return Fail(ErrorCode::kInvalidArgument, std::move(message));
}

// A kubeconfig and the name by which people know it.
struct Loaded {
  Kubeconfig config;
  std::string name;
};

Result<Kubeconfig> Load(const std::string& file) {
  const auto text = ReadTextFile(file);
  if (!text) return Fail(text.error());
  return ParseKubeconfig(file, *text);
}

Result<Loaded> LoadNamed(const std::string& file) {
  auto config = Load(file);
  if (config) return Loaded{.config = std::move(*config), .name = file};
  Error error = std::move(config.error());
  if (error.code == ErrorCode::kNotFound) error.code = ErrorCode::kInvalidArgument;
  return Fail(std::move(error));
}

Result<Loaded> LoadList(const std::string& list) {
  Loaded loaded{.config = {}, .name = list};
  bool is_any = false;
  std::string_view rest = list;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string file(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (file.empty()) continue;
    auto config = Load(file);
    if (!config && config.error().code == ErrorCode::kNotFound) continue;
    if (!config) return Fail(std::move(config.error()));
    loaded.config.Merge(std::move(*config));
    is_any = true;
  }
  if (!is_any) return Invalid(fmt::format("KUBECONFIG names no file that is there: {}", list));
  return loaded;
}

template <class Entry>
std::string NamesOf(const std::map<std::string, Entry>& entries) {
  if (entries.empty()) return "there is none";
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries) names.push_back(name);
  return fmt::format("there is {}", fmt::join(names, ", "));
}

// A file that is named must be readable now, and hold what it should.
Result<void> CheckPem(const std::string& what, const TextSource& source) {
  if (source.empty()) return {};
  const auto text = ReadSource(source);
  if (!text) {
    const ErrorCode code = text.error().code;
    return Fail(code == ErrorCode::kNotFound ? ErrorCode::kInvalidArgument : code,
                fmt::format("{}: {}", what, text.error().message));
  }
  if (text->find("-----BEGIN ") == std::string::npos) {
    return Invalid(fmt::format("{} is not in PEM format", what));
  }
  return {};
}

Result<std::optional<Proxy>> ResolveProxy(const Url& server, const std::string& proxy_url,
                                          const std::string& where,
                                          const Environment& environment) {
  if (proxy_url.empty()) return ProxyOfEnvironment(server, environment);
  auto proxy = ParseProxy(proxy_url);
  if (proxy) return std::optional(std::move(*proxy));
  return Fail(proxy.error().code,
              fmt::format("{}: proxy-url cannot be used: {}", where, proxy.error().message));
}

// Takes the server, TLS and the proxy over into `access`.
Result<void> UseCluster(const KubeconfigCluster& cluster, const std::string& name,
                        const Environment& environment, ClusterAccess& access) {
  const std::string where = fmt::format("{}: cluster \"{}\"", cluster.file, name);
  if (cluster.server.empty()) return Invalid(where + " has no server");
  access.tls = cluster.tls;
  const bool has_tls = !access.tls.authorities.empty() || access.tls.skip_verification;
  access.server = cluster.server;
  if (access.server.find("://") == std::string::npos) {
    access.server.insert(0, has_tls ? "https://" : "http://");
  }
  const auto url = ParseUrl(access.server);
  if (!url) return Invalid(fmt::format("{}: its server is no URL: {}", where, url.error().message));
  if ((url->scheme != "http" && url->scheme != "https") || url->user) {
    return Invalid(where + ": its server is not https://HOST[:PORT][/PATH] or http://...");
  }
  if (access.tls.skip_verification && !access.tls.authorities.empty()) {
    return Invalid(where +
                   ": certificate-authority and insecure-skip-tls-verify exclude each other");
  }
  auto checked = CheckPem(where + ": its certificate-authority", access.tls.authorities);
  if (!checked) return checked;
  auto proxy = ResolveProxy(*url, cluster.proxy_url, where, environment);
  if (!proxy) return Fail(std::move(proxy.error()));
  access.proxy = std::move(*proxy);
  return {};
}

Result<void> UseUser(const KubeconfigUser& user, const std::string& name, ClusterAccess& access) {
  const std::string where = fmt::format("{}: user \"{}\"", user.file, name);
  if (user.has_auth_provider) {
    return Invalid(where + " has an auth-provider, which Kubernetes 1.26 removed: use exec");
  }
  if (user.certificate.empty() != user.key.empty()) {
    return Invalid(where + ": client-certificate and client-key belong together");
  }
  if (!user.token.empty() && !user.username.empty()) {
    return Invalid(where + ": a token and a username exclude each other");
  }
  for (const auto& [what, source] :
       {std::pair{"client-certificate", &user.certificate}, std::pair{"client-key", &user.key}}) {
    auto checked = CheckPem(fmt::format("{}: its {}", where, what), *source);
    if (!checked) return checked;
  }
  if (!user.token.file.empty()) {
    const auto token = ReadTextFile(user.token.file);
    if (!token) {
      const ErrorCode code = token.error().code;
      return Fail(code == ErrorCode::kNotFound ? ErrorCode::kInvalidArgument : code,
                  fmt::format("{}: its token: {}", where, token.error().message));
    }
  }
  access.tls.certificate = user.certificate;
  access.tls.key = user.key;
  access.token = user.token;
  access.username = user.username;
  access.password = user.password;
  access.exec = user.exec;
  access.impersonation = user.impersonation;
  return {};
}

Result<ClusterAccess> FromKubeconfig(const Loaded& loaded, const AccessFlags& flags,
                                     const Environment& environment) {
  const Kubeconfig& config = loaded.config;
  ClusterAccess access;
  access.context = flags.context.empty() ? config.current_context : flags.context;
  if (access.context.empty()) {
    return Invalid(fmt::format("{} has no current-context, and none is named: --context; {}",
                               loaded.name, NamesOf(config.contexts)));
  }
  const auto context = config.contexts.find(access.context);
  if (context == config.contexts.end()) {
    return Invalid(fmt::format("{} has no context \"{}\": {}", loaded.name, access.context,
                               NamesOf(config.contexts)));
  }
  const KubeconfigContext& chosen = context->second;
  access.origin = fmt::format("context {} of {}", access.context, chosen.file);
  const auto cluster = config.clusters.find(chosen.cluster);
  if (cluster == config.clusters.end()) {
    return Invalid(fmt::format("{}: context \"{}\" names the cluster \"{}\": {}", chosen.file,
                               access.context, chosen.cluster, NamesOf(config.clusters)));
  }
  auto used = UseCluster(cluster->second, chosen.cluster, environment, access);
  if (!used) return Fail(std::move(used.error()));
  if (!chosen.user.empty()) {
    const auto user = config.users.find(chosen.user);
    if (user == config.users.end()) {
      return Invalid(fmt::format("{}: context \"{}\" names the user \"{}\": {}", chosen.file,
                                 access.context, chosen.user, NamesOf(config.users)));
    }
    used = UseUser(user->second, chosen.user, access);
    if (!used) return Fail(std::move(used.error()));
  }
  access.namespace_ = chosen.namespace_;
  return access;
}

// Nothing outside a pod, or in one that was given no service account.
std::optional<std::string> ServerOfPod(const AccessFlags& flags, const Environment& environment) {
  const std::string host = environment("KUBERNETES_SERVICE_HOST");
  const std::string port = environment("KUBERNETES_SERVICE_PORT");
  const std::string token = flags.service_account_folder + "/token";
  if (host.empty() || port.empty() || ::access(token.c_str(), F_OK) != 0) return std::nullopt;
  return "https://" + JoinHostPort(host, port);
}

Result<ClusterAccess> FromServiceAccount(const std::string& server, const AccessFlags& flags,
                                         const Environment& environment) {
  const std::string& folder = flags.service_account_folder;
  ClusterAccess access{.server = server,
                       .tls = {.authorities = {.content = {}, .file = folder + "/ca.crt"},
                               .certificate = {},
                               .key = {},
                               .server_name = {}},
                       .proxy = {},
                       .token = {.content = {}, .file = folder + "/token"},
                       .username = {},
                       .password = {},
                       .exec = {},
                       .impersonation = {},
                       .namespace_ = {},
                       .context = {},
                       .origin = "the service account in " + folder};
  const auto url = ParseUrl(server);
  if (!url) {
    return Invalid("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are no host and port: " +
                   url.error().message);
  }
  auto checked = CheckPem("the service account's ca.crt", access.tls.authorities);
  if (!checked) return Fail(std::move(checked.error()));
  auto proxy = ProxyOfEnvironment(*url, environment);
  if (!proxy) return Fail(std::move(proxy.error()));
  access.proxy = std::move(*proxy);
  if (const auto text = ReadTextFile(folder + "/namespace")) {
    access.namespace_ = text->substr(0, text->find_first_of(" \t\r\n"));
  }
  return access;
}

Result<ClusterAccess> Choose(const AccessFlags& flags, const Environment& environment) {
  const auto of = [&](const Result<Loaded>& loaded) -> Result<ClusterAccess> {
    if (!loaded) return Fail(loaded.error());
    return FromKubeconfig(*loaded, flags, environment);
  };
  if (!flags.kubeconfig.empty()) return of(LoadNamed(flags.kubeconfig));
  const std::string list = environment("KUBECONFIG");
  if (!list.empty()) return of(LoadList(list));
  const auto server = ServerOfPod(flags, environment);
  if (server && flags.context.empty()) return FromServiceAccount(*server, flags, environment);
  const std::string home = environment("HOME");
  const std::string file = home + "/.kube/config";
  if (home.empty() || ::access(file.c_str(), F_OK) != 0) {
    return Invalid(
        fmt::format("no cluster is configured: neither --kubeconfig nor KUBECONFIG names a file, "
                    "there is no service account in {}, and no file {}",
                    flags.service_account_folder, home.empty() ? "$HOME/.kube/config" : file));
  }
  return of(LoadNamed(file));
}

// An RFC 1123 label, as the API server demands; it becomes part of paths.
bool IsNamespace(std::string_view text) {
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && text.size() <= 63 && is_alphanumeric(text.front()) &&
         is_alphanumeric(text.back()) && std::all_of(text.begin(), text.end(), [&](char c) {
           return is_alphanumeric(c) || c == '-';
         });
}

}  // namespace

Result<ClusterAccess> ResolveAccess(const AccessFlags& flags, const Environment& environment) {
  auto access = Choose(flags, environment);
  if (!access) return access;
  if (!flags.namespace_.empty()) access->namespace_ = flags.namespace_;
  if (access->namespace_.empty()) access->namespace_ = "default";
  if (!IsNamespace(access->namespace_)) {
    return Invalid(
        fmt::format("the namespace \"{}\" is not allowed: at most 63 lower-case letters, "
                    "digits and '-', which is neither first nor last",
                    access->namespace_));
  }
  return access;
}

}  // namespace monopod::kube
