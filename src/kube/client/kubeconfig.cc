#include "src/kube/client/kubeconfig.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "src/kube/client/base64.h"

namespace monopod::kube {
namespace {

// Thrown and caught in this file only: YAML is read far down, and one mistake ends it all.
struct Malformed {
  int line = 0;  // 0: unknown
  std::string what;
};

[[noreturn]] void Refuse(const YAML::Node& node, std::string what) {
  const bool has_line = node.IsDefined() && !node.Mark().is_null();
  throw Malformed{.line = has_line ? node.Mark().line + 1 : 0, .what = std::move(what)};
}

// One mapping of the file, `name` as people would call it: "cluster \"dev\"".
class Section {
 public:
  Section(std::string name, const YAML::Node& node) : name_(std::move(name)), node_(node) {
    if (!IsMissing(node_) && !node_.IsMap()) Refuse(node_, name_ + " is no mapping");
  }

  const std::string& name() const { return name_; }

  static bool IsMissing(const YAML::Node& node) { return !node.IsDefined() || node.IsNull(); }

  YAML::Node At(const char* key) const {
    if (IsMissing(node_)) return YAML::Node(YAML::NodeType::Undefined);
    // Of a const node: otherwise the key would be added.
    const YAML::Node& node = node_;
    return node[key];
  }
  bool Has(const char* key) const { return !IsMissing(At(key)); }

  std::string Text(const char* key) const {
    const YAML::Node node = At(key);
    if (IsMissing(node)) return {};
    if (!node.IsScalar()) Refuse(node, Path(key) + " is no text");
    return node.Scalar();
  }

  // Of what becomes a line of a request.
  std::string HeaderText(const char* key) const {
    std::string text = Text(key);
    const bool is_plain =
        std::none_of(text.begin(), text.end(), [](char c) { return c >= 0 && c < ' '; });
    if (!is_plain) RefuseKey(key, " has control characters");
    return text;
  }

  bool Flag(const char* key) const {
    const std::string text = Text(key);
    if (text.empty() || text == "false") return false;
    if (text != "true") RefuseKey(key, " is neither true nor false");
    return true;
  }

  Section Child(const char* key) const { return Section(Path(key), At(key)); }

  std::vector<YAML::Node> List(const char* key) const {
    const YAML::Node node = At(key);
    if (IsMissing(node)) return {};
    if (!node.IsSequence()) Refuse(node, Path(key) + " is no list");
    return {node.begin(), node.end()};
  }

  // The line is that of the key, or of the section that lacks it.
  [[noreturn]] void RefuseKey(const char* key, const std::string& why) const {
    Refuse(Has(key) ? At(key) : node_, Path(key) + why);
  }

  std::string Path(const char* key) const {
    return name_.empty() ? key : fmt::format("{} of {}", key, name_);
  }

 private:
  std::string name_;
  YAML::Node node_;
};

class Reader {
 public:
  explicit Reader(const std::string& file)
      : file_(file), folder_(file.substr(0, std::min(file.rfind('/') + 1, file.size()))) {}

  Kubeconfig Read(const YAML::Node& node) const {
    const Section root("", node);
    const std::string kind = root.Text("kind");
    if (!kind.empty() && kind != "Config") {
      Refuse(root.At("kind"), fmt::format("kind is \"{}\", not Config", kind));
    }
    Kubeconfig config;
    config.current_context = root.Text("current-context");
    Named(root, "contexts", "context", config.contexts,
          [this](const Section& section) { return Context(section); });
    Named(root, "clusters", "cluster", config.clusters,
          [this](const Section& section) { return Cluster(section); });
    Named(root, "users", "user", config.users,
          [this](const Section& section) { return User(section); });
    return config;
  }

 private:
  // A list of {name: ..., KIND: {...}}.
  template <class Entry, class Convert>
  void Named(const Section& root, const char* list, const char* kind,
             std::map<std::string, Entry>& entries, const Convert& convert) const {
    for (const YAML::Node& node : root.List(list)) {
      const Section outer(fmt::format("an entry of {}", list), node);
      const std::string name = outer.Text("name");
      if (name.empty()) Refuse(node, outer.name() + " has no name");
      const Section inner(fmt::format("{} \"{}\"", kind, name), outer.At(kind));
      const bool is_new = entries.emplace(name, convert(inner)).second;
      if (!is_new) Refuse(node, inner.name() + " is there twice");
    }
  }

  KubeconfigContext Context(const Section& section) const {
    return {.cluster = section.Text("cluster"),
            .user = section.Text("user"),
            .namespace_ = section.Text("namespace"),
            .file = file_};
  }

  KubeconfigCluster Cluster(const Section& section) const {
    return {.server = section.Text("server"),
            .tls = {.authorities = Source(section, "certificate-authority"),
                    .certificate = {},
                    .key = {},
                    .server_name = section.Text("tls-server-name"),
                    .skip_verification = section.Flag("insecure-skip-tls-verify")},
            .proxy_url = section.Text("proxy-url"),
            .file = file_};
  }

  KubeconfigUser User(const Section& section) const {
    KubeconfigUser user{.certificate = Source(section, "client-certificate"),
                        .key = Source(section, "client-key"),
                        .token = {.content = {}, .file = Absolute(section.Text("tokenFile"))},
                        .username = section.Text("username"),
                        .password = section.Text("password"),
                        .exec = {},
                        .impersonation = Impersonation(section),
                        .has_auth_provider = section.Has("auth-provider"),
                        .file = file_};
    // A file can be replaced, so it says what is newer.
    if (user.token.file.empty()) user.token.content = section.Text("token");
    if (section.Has("exec")) user.exec = Plugin(section.Child("exec"));
    return user;
  }

  ExecPlugin Plugin(const Section& section) const {
    ExecPlugin plugin{.command = section.Text("command"),
                      .arguments = {},
                      .environment = {},
                      .api_version = section.Text("apiVersion"),
                      .install_hint = section.Text("installHint"),
                      .provide_cluster_info = section.Flag("provideClusterInfo")};
    if (plugin.command.empty()) {
      section.RefuseKey("command", " is missing");
    }
    // One without a slash is looked for in PATH.
    if (plugin.command.find('/') != std::string::npos) plugin.command = Absolute(plugin.command);
    if (plugin.api_version != "client.authentication.k8s.io/v1" &&
        plugin.api_version != "client.authentication.k8s.io/v1beta1") {
      section.RefuseKey("apiVersion",
                        " is neither client.authentication.k8s.io/v1 nor .../v1beta1");
    }
    if (section.Text("interactiveMode") == "Always") {
      section.RefuseKey("interactiveMode", " is Always, but nobody is there to answer");
    }
    for (const YAML::Node& node : section.List("args")) {
      if (!node.IsScalar()) Refuse(node, section.Path("args") + " holds what is no text");
      plugin.arguments.push_back(node.Scalar());
    }
    for (const YAML::Node& node : section.List("env")) {
      const Section variable(section.Path("env"), node);
      const std::string name = variable.Text("name");
      if (name.empty() || name.find('=') != std::string::npos) {
        Refuse(node, section.Path("env") + " holds a variable without a name");
      }
      plugin.environment.emplace_back(name, variable.Text("value"));
    }
    return plugin;
  }

  static std::vector<std::pair<std::string, std::string>> Impersonation(const Section& section) {
    std::vector<std::pair<std::string, std::string>> headers;
    for (const auto& [key, header] :
         {std::pair{"as", "Impersonate-User"}, std::pair{"as-uid", "Impersonate-Uid"}}) {
      std::string value = section.HeaderText(key);
      if (!value.empty()) headers.emplace_back(header, std::move(value));
    }
    for (const YAML::Node& node : section.List("as-groups")) {
      // Read as a mapping of one, for the sake of its checks.
      YAML::Node group;
      group["as-groups"] = node;
      headers.emplace_back("Impersonate-Group",
                           Section(section.name(), group).HeaderText("as-groups"));
    }
    if (section.Has("as-user-extra")) {
      section.RefuseKey("as-user-extra", " is not supported");
    }
    return headers;
  }

  // KEY-data, in base64, or the file that KEY names.
  TextSource Source(const Section& section, const std::string& key) const {
    const std::string data_key = key + "-data";
    const std::string data = section.Text(data_key.c_str());
    if (data.empty()) return {.content = {}, .file = Absolute(section.Text(key.c_str()))};
    auto content = DecodeBase64(data);
    if (!content) {
      section.RefuseKey(data_key.c_str(), " is no base64");
    }
    return {.content = std::move(*content), .file = {}};
  }

  std::string Absolute(const std::string& path) const {
    return path.empty() || path.starts_with('/') ? path : folder_ + path;
  }

  const std::string file_;
  const std::string folder_;  // ends with a slash, or is empty
};

std::string Describe(const std::string& file, int line, const std::string& what) {
  if (line == 0) return fmt::format("{}: {}", file, what);
  return fmt::format("{}: line {}: {}", file, line, what);
}

}  // namespace

void Kubeconfig::Merge(Kubeconfig other) {
  if (current_context.empty()) current_context = std::move(other.current_context);
  contexts.merge(other.contexts);
  clusters.merge(other.clusters);
  users.merge(other.users);
}

Result<Kubeconfig> ParseKubeconfig(const std::string& file, const std::string& text) {
  try {
    const YAML::Node root = YAML::Load(text);
    if (!root.IsDefined() || root.IsNull()) return Kubeconfig{};
    if (!root.IsMap()) {
      return Fail(ErrorCode::kInvalidArgument, Describe(file, 1, "it is no kubeconfig"));
    }
    return Reader(file).Read(root);
  } catch (const Malformed& malformed) {
    return Fail(ErrorCode::kInvalidArgument, Describe(file, malformed.line, malformed.what));
  } catch (const YAML::Exception& error) {
    const int line = error.mark.is_null() ? 0 : error.mark.line + 1;
    return Fail(ErrorCode::kInvalidArgument, Describe(file, line, "no YAML: " + error.msg));
  }
}

}  // namespace monopod::kube
