#include "tests/support/kube_server_base64.h"

#include <cstdint>

namespace monopod::testing::kube_server {
namespace {

constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string Encode(std::string_view data, std::string_view alphabet) {
  std::string text;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char byte : data) {
    bits = (bits << 8U) | static_cast<unsigned char>(byte);
    for (count += 8; count >= 6; count -= 6) text += alphabet[(bits >> (count - 6)) & 63U];
  }
  if (count > 0) text += alphabet[(bits << (6 - count)) & 63U];
  return text;
}

}  // namespace

std::string Base64(std::string_view data) {
  std::string text = Encode(data, kStandard);
  while (text.size() % 4 != 0) text += '=';
  return text;
}

std::string UrlBase64(std::string_view data) { return Encode(data, kUrl); }

std::string FromUrlBase64(std::string_view text) {
  std::string data;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::size_t value = kUrl.find(c);
    if (value == std::string_view::npos) return "";
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      data += static_cast<char>((bits >> count) & 255U);
    }
  }
  return data;
}

}  // namespace monopod::testing::kube_server
