// Bugs of etcd that matter to whoever keeps locks in it, by version. From etcd's change logs and
// issues; a version that is newer than all this counts as good.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "src/doctor/finding.h"

namespace monopod::doctor {

struct EtcdVersion {
  int major = 0;
  int minor = 0;
  int patch = 0;
  auto operator<=>(const EtcdVersion&) const = default;
};

// "3.4.23"; what follows the patch, as in "3.5.0-rc.1", does not count. Nothing for anything else.
std::optional<EtcdVersion> ParseEtcdVersion(std::string_view text);

struct KnownBug {
  Severity severity = Severity::kWarning;
  std::string_view reference;  // "etcd-io/etcd#15247", or a CVE
  std::string_view what;
  std::vector<EtcdVersion> since;  // where it came, per minor version; none: it was always there
  std::vector<EtcdVersion> fixed;  // the first good patch of each minor version, ascending
};

const std::vector<KnownBug>& KnownBugs();

std::vector<const KnownBug*> BugsOf(const EtcdVersion& version);
// The first patch of the same minor version without any of them; nothing if there is none.
std::optional<EtcdVersion> FirstWithout(const EtcdVersion& version,
                                        const std::vector<const KnownBug*>& bugs);

}  // namespace monopod::doctor
