#include "src/protocol/crowd.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace monopod::protocol {
namespace {

using std::chrono::nanoseconds;

// So many waiters share the window best: e to the power of the distribution's exponent.
constexpr double kCrowd = 64;
// Of the time in which a claim becomes known: with this, about one of any crowd up to kCrowd writes
// in vain.
constexpr int kWindowFactor = 6;
constexpr nanoseconds kShortest = std::chrono::milliseconds(2);
constexpr nanoseconds kLongest = std::chrono::milliseconds(250);

// From 0 to 1. FNV-1a, and a last mix, since nonces of tests differ in one digit only.
double Uniform(const std::string& nonce) {
  std::uint64_t hash = 14'695'981'039'346'656'037U;
  for (const char c : nonce) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211U;
  hash = (hash ^ (hash >> 33U)) * 0xff51afd7ed558ccdU;
  hash ^= hash >> 33U;
  return static_cast<double>(hash >> 11U) / static_cast<double>(std::uint64_t{1} << 53U);
}

}  // namespace

void Crowd::CallTook(nanoseconds took) {
  // The first call also opens the connection, so a shorter one is believed at once.
  call_ = call_ == nanoseconds(0) || took < call_ ? took : call_ + (took - call_) / 8;
}

nanoseconds Crowd::Shortest() const { return std::max(kShortest, call_ * 3 / 2); }

nanoseconds Crowd::Window() const {
  return kWindowFactor * std::clamp(settle_, std::min(Shortest(), kLongest), kLongest);
}

nanoseconds Crowd::Delay(const std::string& nonce) const {
  const double part = std::log1p(Uniform(nonce) * (kCrowd - 1)) / std::log(kCrowd);
  return nanoseconds(std::llround(static_cast<double>(Window().count()) * part));
}

void Crowd::SomebodyElseClaimed(nanoseconds after_it_was_free) {
  // With the right window, the first delay is as long as the claim then takes to become known.
  const nanoseconds seen = std::min(after_it_was_free / 2, kLongest);
  settle_ = settle_ == nanoseconds(0) ? seen : (settle_ + seen) / 2;
}

void Crowd::Rejected() { settle_ = std::min(kLongest, 2 * std::max(settle_, Shortest())); }

}  // namespace monopod::protocol
