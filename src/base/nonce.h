// Random identifiers.
#pragma once

#include <string>

namespace monopod {

// 128 bits from the kernel as 32 lower-case hexadecimal digits. Never blocks after boot.
std::string RandomNonce();

}  // namespace monopod
