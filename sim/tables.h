// The tables of docs/EVIDENCE.md and docs/PROTOCOL.md, made anew.
#pragma once

#include <string>

namespace monopod::sim {

// Each mistake, and what caught it. False if one was not caught.
bool PrintMutants(const std::string& store);

// What is not promised, and the first seed that shows it. False if there is none for one of them.
bool PrintNotPromised(const std::string& store);

}  // namespace monopod::sim
