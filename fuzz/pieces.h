// Inputs that consist of several texts.
#pragma once

#include <string_view>

namespace monopod::fuzz {

// Calls `take` for each piece of `text` between `separator`s: at least one, perhaps empty.
template <class Take>
void ForEachPiece(std::string_view text, std::string_view separator, const Take& take) {
  for (;;) {
    const std::size_t end = text.find(separator);
    take(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + separator.size());
  }
}

}  // namespace monopod::fuzz
