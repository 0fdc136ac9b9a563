// What happened in a schedule: always as a hash, by which two runs are compared, and on demand as
// lines to read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/node_clock.h"

namespace monopod::sim {

class Trace {
 public:
  explicit Trace(bool readable) : readable_(readable) {}

  // `what` makes the line, and is called only if somebody will read it; `digest` stands for it in
  // the hash.
  template <class MakeText>
  void Add(TrueTime now, std::string_view who, std::uint64_t digest, const MakeText& what) {
    Mix(static_cast<std::uint64_t>(now.time_since_epoch().count()));
    for (const char c : who) Mix(static_cast<unsigned char>(c));
    Mix(digest);
    if (readable_) AddLine(now, who, what());
  }

  std::uint64_t hash() const { return hash_; }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  void Mix(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3U; }
  void AddLine(TrueTime now, std::string_view who, const std::string& what);

  bool readable_;
  std::uint64_t hash_ = 0xcbf29ce484222325U;
  std::vector<std::string> lines_;
};

}  // namespace monopod::sim
