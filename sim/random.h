// The one source of chance of a schedule: the same seed gives the same draws on every platform,
// which the distributions of the standard library do not promise.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>

namespace monopod::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  // SplitMix64.
  std::uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31U);
  }

  // Below `bound`, which is not 0.
  std::uint64_t Below(std::uint64_t bound) { return Next() % bound; }

  bool Chance(double probability) {
    return static_cast<double>(Next() >> 11U) * 0x1p-53 < probability;
  }

  struct Range {
    std::chrono::nanoseconds from{0};
    std::chrono::nanoseconds to;
  };
  std::chrono::nanoseconds In(const Range& range) {
    if (range.to <= range.from) return range.from;
    const auto width = static_cast<std::uint64_t>((range.to - range.from).count());
    return range.from + std::chrono::nanoseconds(Below(width));
  }

  template <class Value>
  Value OneOf(std::initializer_list<Value> values) {
    return values.begin()[Below(values.size())];
  }

 private:
  std::uint64_t state_;
};

}  // namespace monopod::sim
