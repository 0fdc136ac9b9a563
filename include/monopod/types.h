// The words that locks, events and states share.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace monopod {

// Time for people to read. monopod never decides anything by it.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

// The fencing number: strictly increasing per lock (per slot, where there are several) for ever.
// 0 means "never held". Hand it to the resource that the lock protects, and let the resource
// refuse a lower one than it has seen: that protects even where clocks fail.
using Token = std::uint64_t;

// Who asks or holds. Everything but `instance` is for people.
struct Holder {
  std::string name;        // pod or host name, or what the user chose
  std::string namespace_;  // Kubernetes namespace, or empty
  std::string node;        // node name, or empty
  std::string instance;    // one claim's random nonce; two claims never share one
  std::string purpose;     // free text given by the user, or empty
  bool operator==(const Holder&) const = default;
};

enum class HoldKind : std::uint8_t {
  kProcess,   // ends with its process
  kDetached,  // outlives its process; whoever has the handle renews and releases it
  kSticky,    // detached, and never stale: ends only by release or break
};
// "process", "detached", "sticky".
std::string_view HoldKindName(HoldKind kind);

}  // namespace monopod
