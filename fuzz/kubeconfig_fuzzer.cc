// A kubeconfig file, as anybody may hand it over: it is read or refused with a reason.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/check.h"
#include "src/kube/client/kubeconfig.h"

using monopod::fuzz::Check;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto parsed = monopod::kube::ParseKubeconfig("/folder/config", text);
  if (!parsed) {
    Check(parsed.error().code == monopod::ErrorCode::kInvalidArgument);
    Check(parsed.error().message.starts_with("/folder/config: "));
    return 0;
  }
  for (const auto& [name, user] : parsed->users) {
    Check(!name.empty());
    Check(user.token.file.empty() || user.token.file.starts_with('/'));
    for (const auto& [header, value] : user.impersonation) {
      Check(value.find_first_of("\r\n") == std::string::npos);
    }
  }
  return 0;
}
