#include "src/base/nonce.h"

#include <sys/random.h>

#include <array>
#include <cstdlib>

namespace monopod {

std::string RandomNonce() {
  std::array<unsigned char, 16> bytes{};
  // Up to 256 bytes getrandom neither fails nor returns short once the pool is seeded.
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (unsigned char byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

}  // namespace monopod
