#include "src/protocol/crowd.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

namespace monopod::protocol {
namespace {

using std::chrono::nanoseconds;

// Times here are in units of the time in which a claim becomes known. The claims of all who wait
// begin at this rate,
constexpr double kRate = 0.45;
// but after so long without any, faster and faster.
constexpr double kPatience = 3;
constexpr double kImpatience = 0.7;

constexpr std::size_t kWatched = 16;
constexpr std::size_t kFewWatched = 4;
// How far one hand-over moves the number of waiters.
constexpr double kGain = 0.1;
constexpr double kLateAtMost = 3;
constexpr double kMostWaiters = 4096;
// The rarest draws cost only time.
constexpr double kLongestDraw = 8;

constexpr nanoseconds kShortest = std::chrono::milliseconds(2);
constexpr nanoseconds kLongest = std::chrono::milliseconds(150);
constexpr nanoseconds kLongestDelay = std::chrono::seconds(2);

// From 0 to 1, without it. FNV-1a, and a last mix, since nonces of tests differ in one digit only.
double Uniform(const std::string& nonce) {
  std::uint64_t hash = 14'695'981'039'346'656'037U;
  for (const char c : nonce) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211U;
  hash = (hash ^ (hash >> 33U)) * 0xff51afd7ed558ccdU;
  hash ^= hash >> 33U;
  return static_cast<double>(hash >> 11U) / static_cast<double>(std::uint64_t{1} << 53U);
}

// How many claims have begun by `time`, in units of the steady rate; and the inverse.
double Begun(double time) {
  if (time <= kPatience) return time;
  return kPatience + std::expm1(kImpatience * (time - kPatience)) / kImpatience;
}
double TimeOf(double begun) {
  if (begun <= kPatience) return begun;
  return kPatience + std::log1p(kImpatience * (begun - kPatience)) / kImpatience;
}

}  // namespace

void Crowd::CallTook(nanoseconds took) {
  // The first call also opens the connection, so a shorter one is believed at once.
  call_ = call_ == nanoseconds(0) || took < call_ ? took : call_ + (took - call_) / 8;
}

nanoseconds Crowd::Settle() const {
  nanoseconds settle = call_ * 3 / 2;  // it is written, and then told
  if (!hand_overs_.empty()) {
    const nanoseconds quickest = *std::ranges::min_element(hand_overs_);
    settle = std::min(settle, quickest);
    if (hand_overs_.size() >= kFewWatched) {
      const nanoseconds sum =
          std::accumulate(hand_overs_.begin(), hand_overs_.end(), nanoseconds(0));
      const auto count = static_cast<std::int64_t>(hand_overs_.size());
      // The quickest of so many is that much slower than one without a delay.
      const nanoseconds chance = (sum / count - quickest) / (count - 1);
      settle = std::max(quickest - chance, quickest * 3 / 10);
    }
  }
  return std::clamp(settle, kShortest, kLongest);
}

nanoseconds Crowd::DelayOf(double draw) const {
  const double time = TimeOf(draw * waiters_ / kRate);
  const auto delay = std::llround(static_cast<double>(Settle().count()) * time);
  return std::min(nanoseconds(delay), kLongestDelay);
}

nanoseconds Crowd::Window() const { return DelayOf(kLongestDraw); }

nanoseconds Crowd::Delay(const std::string& nonce) const {
  return DelayOf(std::min(-std::log1p(-Uniform(nonce)), kLongestDraw));
}

void Crowd::SomebodyElseClaimed(nanoseconds after_it_was_free) {
  hand_overs_.push_back(std::min(after_it_was_free, kLongestDelay + kLongest));
  if (hand_overs_.size() > kWatched) hand_overs_.pop_front();
  const nanoseconds settle = Settle();
  const nanoseconds first = std::max(after_it_was_free - settle, nanoseconds(0));
  // 1 on average, if so many wait.
  const double late =
      kRate * Begun(static_cast<double>(first.count()) / static_cast<double>(settle.count()));
  waiters_ =
      std::clamp(waiters_ * (1 + kGain * (1 - std::min(late, kLateAtMost))), 1.0, kMostWaiters);
}

void Crowd::Rejected(nanoseconds took) {
  call_ = std::max(call_, took);
  // One that seemed quicker than that was heard of late.
  std::erase_if(hand_overs_, [&](nanoseconds each) { return each < took; });
}

}  // namespace monopod::protocol
