// What monopod and the guardian tell each other, over a SOCK_SEQPACKET pair. Both are the
// same program, so a message is the bytes of its struct.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>

#include "src/supervise/guardian.h"

namespace monopod::supervise {

// Monopod to guardian. kStart is followed by the environment's additions as NUL-ended
// "NAME=VALUE" strings.
struct Request {
  enum class Kind : std::uint8_t {
    kStart,
    kForward,  // `signal`, to the command's process group
    kStop,     // the deadlines were latched: act on it now
  };
  Kind kind = Kind::kStart;
  bool hand_over_terminal = false;
  int signal = 0;
};

// Guardian to monopod.
struct Report {
  enum class Kind : std::uint8_t {
    kEnd,               // nothing of the tree is left; the guardian's last words
    kContinued,         // the command was suspended from the terminal, and continued
    kWaitsForTerminal,  // the command is stopped: it wants the terminal and may not have it
    kStopping,          // SIGTERM was sent, for the tenure is over
    kEndingLeftBehind,  // the command has ended, processes that it left behind have not
    kSurvivors,         // some of the tree outlive SIGKILL
  };
  Kind kind = Kind::kEnd;
  CommandEnd end;
};

static_assert(std::is_trivially_copyable_v<Request> && std::is_trivially_copyable_v<Report>);

// The next report that has arrived at monopod's end, or nothing. Never blocks. Reports outlive
// the guardian that sent them.
std::optional<Report> ReceiveReport(int socket);

}  // namespace monopod::supervise
