#pragma once

#include <string>
#include <string_view>

namespace monopod::testing::kube_server {

// RFC 4648, with padding.
std::string Base64(std::string_view data);
// The alphabet for URLs, without padding; the empty text if it is none.
std::string UrlBase64(std::string_view data);
std::string FromUrlBase64(std::string_view text);

}  // namespace monopod::testing::kube_server
