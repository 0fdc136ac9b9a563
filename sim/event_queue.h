// What is going to happen, in the order of true time; at one time, in the order of asking.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "sim/node_clock.h"

namespace monopod::sim {

class EventQueue {
 public:
  using Run = std::function<void()>;

  TrueTime now() const { return now_; }
  std::uint64_t count() const { return count_; }  // events that have happened

  // Times that are over mean now.
  void At(TrueTime time, Run run) {
    if (free_.empty()) {
      free_.push_back(runs_.size());
      runs_.emplace_back();
    }
    const std::size_t place = free_.back();
    free_.pop_back();
    runs_[place] = std::move(run);
    heap_.push_back({.at = std::max(time, now_), .order = order_++, .place = place});
    std::push_heap(heap_.begin(), heap_.end(), Later());
  }

  // Lets the next event happen. False if there is none before `end`.
  bool Step(TrueTime end) {
    if (heap_.empty() || heap_.front().at >= end) return false;
    std::pop_heap(heap_.begin(), heap_.end(), Later());
    const Entry entry = heap_.back();
    heap_.pop_back();
    now_ = entry.at;
    ++count_;
    const Run run = std::exchange(runs_[entry.place], nullptr);
    free_.push_back(entry.place);
    run();
    return true;
  }

 private:
  struct Entry {
    TrueTime at;
    std::uint64_t order;
    std::size_t place;  // in `runs_`, so that what is sorted is small
  };
  struct Later {
    bool operator()(const Entry& one, const Entry& other) const {
      return one.at != other.at ? one.at > other.at : one.order > other.order;
    }
  };

  TrueTime now_{};
  std::uint64_t order_ = 0;
  std::uint64_t count_ = 0;
  std::vector<Entry> heap_;
  std::vector<Run> runs_;
  std::vector<std::size_t> free_;  // places
};

}  // namespace monopod::sim
