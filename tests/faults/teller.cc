#include "tests/faults/teller.h"

#include <unistd.h>

#include <fmt/format.h>

namespace monopod::faults {

void Teller::Tell(std::string_view kind, std::string_view rest) const {
  TellLine(fmt::format("{} {}{}{}", kind, Now().count(), rest.empty() ? "" : " ", rest));
}

void Teller::TellLine(std::string line) const {
  line += '\n';
  (void)!write(STDOUT_FILENO, line.data(), line.size());
}

}  // namespace monopod::faults
