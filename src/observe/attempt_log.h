// The attempt log: what every attempt to hold a lock tells, for people and for machines.
//
// On a terminal: one readable line an event, and while waiting one live line (owner, how long).
// Elsewhere: one JSON object a line; docs/OUTPUT.md is its schema. Never records a command line or
// an environment. Nothing here decides anything.
#pragma once

#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>

#include "monopod/event.h"

namespace monopod::observe {

enum class LogFormat : std::uint8_t { kText, kJson };

// Threads: all members may be called concurrently.
class AttemptLog {
 public:
  struct Options {
    std::FILE* stream = stderr;
    LogFormat format = LogFormat::kText;
    bool live = false;  // the stream is a terminal: keep one line up to date while waiting
    bool color = false;
    bool quiet = false;  // only what went wrong: lost, broken, and notices
  };
  explicit AttemptLog(Options options) : options_(options) {}
  AttemptLog(const AttemptLog&) = delete;
  AttemptLog& operator=(const AttemptLog&) = delete;

  void Write(const Event& event);

  // Something about this process that is no event of an attempt: which store is used and who sees
  // it, why a command was continued. `kind` is its "event" in JSON.
  struct Notice {
    std::string_view kind;
    std::string_view lock;
    std::string_view store;
    std::string_view message;
  };
  void Write(const Notice& notice);

  bool is_live() const { return options_.live && !options_.quiet; }
  // Refreshes the live line, if there is one; call it about once a second while waiting.
  void Tick();

 private:
  void Print(std::string_view line, bool live_line);

  const Options options_;
  std::mutex mutex_;
  bool live_shown_ = false;
  Event waiting_;  // the last event, while it is kWaiting
  std::chrono::steady_clock::time_point waiting_since_{};
};

// "default/web-0 on node-7", as far as it is known.
std::string DescribeHolder(const Holder& holder);

}  // namespace monopod::observe
