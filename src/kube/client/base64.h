// Base64 with the standard alphabet and padding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace monopod::kube {

std::string EncodeBase64(std::string_view bytes);

// Line ends and spaces are passed over. Nothing if it is no base64.
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace monopod::kube
