// A store's URL: what is accepted means the same when printed. The default, which depends on the
// environment, is left out. For etcd the endpoints and the prefix are read, too.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/check.h"
#include "src/etcd/client/client_options.h"
#include "src/lock/store_url.h"

using monopod::fuzz::Check;

namespace {

// What is read leads to the same place when printed.
void CheckEtcd(const std::string& url, const std::string& endpoints) {
  const auto environment = [&](const char* name) {
    return std::string_view(name) == "ETCDCTL_ENDPOINTS" ? endpoints : std::string();
  };
  const auto options = monopod::etcd::Resolve(url, {}, environment);
  if (!options) {
    Check(options.error().code == monopod::ErrorCode::kInvalidArgument);
    Check(!options.error().message.empty());
    return;
  }
  Check(!options->endpoints.empty() && options->prefix.ends_with('/'));
  const auto again = monopod::etcd::Resolve(options->Url(), {}, environment);
  Check(again && again->endpoints == options->endpoints && again->prefix == options->prefix);
  Check(again->use_tls == options->use_tls);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (text.empty()) return 0;
  CheckEtcd("etcd:", text);
  const auto parsed = monopod::lock::ParseStoreUrl(text);
  if (!parsed) {
    Check(parsed.error().code == monopod::ErrorCode::kInvalidArgument);
    Check(!parsed.error().message.empty());
    return 0;
  }
  Check(!parsed->is_default);
  const std::string printed = parsed->ToString();
  const auto again = monopod::lock::ParseStoreUrl(printed);
  Check(again.has_value() && again->ToString() == printed);
  if (parsed->kind == monopod::lock::StoreUrl::Kind::kEtcd) CheckEtcd(text, "");
  return 0;
}
