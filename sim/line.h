// The way between a process and its store, where calls are slow, lost, answered without an answer,
// or carried out long after their caller stopped to wait.
#pragma once

#include <chrono>
#include <vector>

#include "sim/world.h"

namespace monopod::sim {

class Line {
 public:
  struct Options {
    std::size_t nodes = 0;
    std::chrono::nanoseconds latency{0};
    std::chrono::nanoseconds late_by{0};  // at most
    double lost_request = 0;
    double lost_reply = 0;
    double late_write = 0;
  };
  Line(World& world, const Options& options)
      : world_(world), options_(options), cut_off_until_(options.nodes) {}

  struct Sent {
    std::size_t node = 0;
    bool writes = false;
    TrueTime deadline{};
  };
  struct Fate {
    bool arrives = true;
    bool answered = true;
    TrueTime arrival{};
    TrueTime answer{};  // or of the failure that is told instead
  };
  Fate DrawFate(const Sent& sent);
  std::chrono::nanoseconds Latency();

  void CutOff(std::size_t node, TrueTime until) { cut_off_until_[node] = until; }
  void GoDown(TrueTime until) { down_until_ = until; }
  // When the node and the store reach each other, if nothing else happens.
  TrueTime ReachesAt(std::size_t node) const;
  // When the store can be used, by whoever reaches it.
  TrueTime UpAt() const;

 private:
  TrueTime FailureTime(const Sent& sent);

  World& world_;
  const Options options_;
  std::vector<TrueTime> cut_off_until_;
  TrueTime down_until_{};
};

}  // namespace monopod::sim
