#include "src/base/clock.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace monopod {

BootTime BootClock::now() noexcept {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return BootTime(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

WallTime WallNow() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

timespec ToTimespec(std::chrono::nanoseconds since_epoch) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  return {.tv_sec = seconds.count(), .tv_nsec = (since_epoch - seconds).count()};
}

std::string FormatWallTime(WallTime time) {
  if (time == WallTime{}) return {};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                     (time - seconds).count());
}

WallTime ParseWallTime(const std::string& text) {
  std::tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  // Differences of times far away would overflow.
  const bool near = parts.tm_year >= 1970 - 1900 && parts.tm_year < 2200 - 1900;
  if (rest == nullptr || !near) return {};
  int micros = 0;
  if (*rest == '.') {
    ++rest;
    for (int weight = 100'000; *rest >= '0' && *rest <= '9'; ++rest, weight /= 10) {
      micros += (*rest - '0') * weight;
    }
  }
  if (std::string_view(rest) != "Z") return {};
  return WallTime(std::chrono::seconds(timegm(&parts)) + std::chrono::microseconds(micros));
}

}  // namespace monopod
