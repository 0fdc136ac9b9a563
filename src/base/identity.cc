#include "src/base/identity.h"

#include <unistd.h>

#include <array>
#include <cstdlib>

namespace monopod {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): documented
  return value == nullptr ? "" : value;
}

std::string HostName() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "unknown";
  return name.data();
}

}  // namespace

Identity IdentityFromEnvironment() {
  Identity identity{.name = Variable("POD_NAME"),
                    .namespace_ = Variable("POD_NAMESPACE"),
                    .node = Variable("NODE_NAME")};
  if (identity.name.empty()) identity.name = HostName();
  return identity;
}

}  // namespace monopod
